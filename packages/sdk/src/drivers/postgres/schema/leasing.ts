import { PINNED } from './basics.ts'

export const LEASING = `
-- Makes or prolongs a lease. Answers with the running jobs whose cancellation was asked for.
create function {s}.renew_1(p_queues int4[], p_worker text, p_about text, p_lease_ms int8)
returns table (queue int4, id uuid) language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  v_queue int4;
  v_now int8 := {s}.stamp();
begin
  for v_queue in select u from unnest(p_queues) u order by u loop
    update {s}.workers set lease_until = v_now + p_lease_ms * 4096000, about = p_about
    where queue = v_queue and id = p_worker and not gone and lease_until > v_now;
    if not found then
      -- A lease that ran out is not revived: what it covered belongs to nobody now, and maintain takes it back.
      update {s}.workers set gone = true where queue = v_queue and id = p_worker and not gone and lease_until <= v_now;
      insert into {s}.workers as w (queue, id, about, lease_until) values (v_queue, p_worker, p_about, v_now + p_lease_ms * 4096000)
      on conflict (queue, id) where not gone do update set lease_until = excluded.lease_until;
    end if;
  end loop;
  if exists (select from {s}.details where cancel is not null) then
    return query
      select w.queue, d.id from {s}.details d join {s}.jobs j on j.id = d.id and j.state = 2 join {s}.workers w on w.no = j.worker
      where d.cancel is not null and w.queue = any (p_queues) and w.id = p_worker;
  end if;
end $$;

-- All running jobs of a lease go back. With p_crashed each has one crash more, and is dead with its third.
create function {s}.take_back_1(p_queue int4, p_no int4, p_crashed boolean, p_most_crashes int4, p_keep int8[])
returns int4[] language plpgsql as $$
#variable_conflict use_column
declare
  j {s}.jobs;
  v_lanes int4[] := '{}';
  v_back int4 := 0;
  v_dead int4 := 0;
begin
  for j in select * from {s}.jobs where worker = p_no and state = 2 order by id for update skip locked loop
    if j.lane <> p_queue then v_lanes := v_lanes || j.lane; end if;
    if p_crashed and j.rare and exists (select from {s}.details where id = j.id and crashes + 1 >= p_most_crashes) then
      update {s}.details set crashes = crashes + 1 where id = j.id;
      perform {s}.end_1(p_queue, j, 6::int2, null, null, 'crashes', p_keep);
      v_dead := v_dead + 1;
    else
      perform {s}.hand_back_1(p_queue, j, p_crashed);
      v_back := v_back + 1;
    end if;
  end loop;
  if v_back + v_dead > 0 then
    perform {s}.tally_1(p_queue, v_back, -v_back - v_dead, 0, array[0, 0, v_dead], 0,
      case when p_crashed then v_back + v_dead else 0 end, p_keep);
    if v_lanes <> '{}' then perform {s}.free_1(p_queue, v_lanes); end if;
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
  return array[v_back, v_dead];
end $$;

create function {s}.leave_1(p_queues int4[], p_worker text) returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare w {s}.workers;
begin
  for w in update {s}.workers set gone = true, lease_until = least(lease_until, {s}.stamp())
      where queue = any (p_queues) and id = p_worker and not gone returning * loop
    perform {s}.take_back_1(w.queue, w.no, false, 0, (select keep from {s}.queues where id = w.queue));
  end loop;
end $$;

create function {s}.maintain_1(p_queue int4, p_most_crashes int4)
returns table (recovered int4, dead int4, again float8) language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  q {s}.queues;
  w {s}.workers;
  v_now int8 := {s}.stamp();
  v_next int8;
  v_more boolean := false;
  v_count int4;
  v_sums int4[];
  v_pair int8[];
begin
  select * into q from {s}.queues where id = p_queue;
  recovered := 0;
  dead := 0;
  for w in select * from {s}.workers where queue = p_queue and lease_until <= v_now for update skip locked loop
    v_sums := {s}.take_back_1(p_queue, w.no, true, p_most_crashes, q.keep);
    recovered := recovered + v_sums[1];
    dead := dead + v_sums[2];
    -- Kept for a minute: a claim that was under way when the lease ran out may still be committed.
    if w.lease_until < v_now - 60000::int8 * 4096000 and not exists (select from {s}.jobs where worker = w.no and state = 2) then
      delete from {s}.workers where no = w.no;
    elsif not w.gone then
      update {s}.workers set gone = true where no = w.no;
    end if;
  end loop;
  v_count := {s}.promote_1(p_queue, 5000);
  if v_count > 0 then
    v_more := v_count = 5000;
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
  for i in 1..3 loop
    v_count := {s}.trim_1(p_queue, (i + 3)::int2, case when q.keep[i * 2 - 1] = 0 then 9000000000000000 else q.keep[i * 2 - 1] end, q.keep[i * 2]);
    v_more := v_more or v_count >= 2000;
  end loop;
  update {s}.ended set watched_until = null where queue = p_queue and watched_until <= v_now and q.keep[state * 2 - 7] > 0;
  delete from {s}.ended where queue = p_queue and watched_until <= v_now;
  delete from {s}.keys where ctid = any (array(
    select ctid from {s}.keys where queue = p_queue and expires <= v_now order by expires limit 2000 for update skip locked));
  get diagnostics v_count = row_count;
  v_more := v_more or v_count = 2000;
  with folded as (delete from {s}.counter_changes where ctid = any (array(
      select ctid from {s}.counter_changes where queue = p_queue limit 2000 for update skip locked)) returning scheduled, queued)
  select array[sum(scheduled), sum(queued)]::int8[] into v_pair from folded;
  if v_pair[1] is not null then
    perform {s}.count_1(p_queue, v_pair[1], v_pair[2], 0, 0, 0, 0, 0, v_pair[1] + v_pair[2], 0, 0, 0, 0);
  end if;
  select seq into v_next from {s}.jobs where lane = p_queue and state in (0, 3) order by seq limit 1;
  select least(v_next, min(lease_until)) into v_next from {s}.workers where queue = p_queue and not gone and lease_until > v_now;
  again := case when v_more then 0 when v_next < 9223372036854775807 then greatest(0, (v_next - {s}.stamp()) >> 12) / 1000.0 end;
  return next;
end $$;
`
