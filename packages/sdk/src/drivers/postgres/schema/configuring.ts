import { PINNED } from './basics.ts'

export const CONFIGURING = `
-- Columns that are named change, the others stay.
create function {s}.configure_1(p_queue int4, p_columns jsonb) returns {s}.queues language plpgsql ${PINNED} as $$
declare
  q {s}.queues;
  v_now int8 := {s}.stamp();
begin
  select * into q from {s}.queues where id = p_queue for no key update;
  q := jsonb_populate_record(q, p_columns);
  update {s}.queues set paused = q.paused, concurrency = q.concurrency, rate_limit = q.rate_limit, rate_per_ms = q.rate_per_ms,
    group_concurrency = q.group_concurrency, group_rate_limit = q.group_rate_limit, group_rate_per_ms = q.group_rate_per_ms,
    limited = q.concurrency is not null or q.rate_limit is not null
  where id = p_queue returning * into q;
  if q.grouped then
    -- Groups that had no free place, or had to wait for their rate, may have one now.
    update {s}.ring set turn = v_now where queue = p_queue and turn > v_now;
    insert into {s}.ring select p_queue, v_now, id from {s}.lanes where queue = p_queue and running > 0 and running < q.group_concurrency;
  end if;
  perform pg_notify({s}.channel_of(p_queue), 's');
  return q;
end $$;
`
