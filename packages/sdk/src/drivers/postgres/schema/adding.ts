import { PINNED } from './basics.ts'

export const ADDING = `
-- Jobs without delay, group, key, parent or children. p_least is the smallest id.
create function {s}.add_1(p_queue int4, p_least uuid, p_ids uuid[], p_bodies text[], p_ranks int2[], p_settings text[])
returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  v_base int8 := {s}.stamp();
  v_count int4;
  v_again int4;
begin
  insert into {s}.jobs (id, seq, lane, state, rank, rare, body, settings)
  select r.id, v_base + r.n, p_queue, 1, coalesce(r.rank, 0), false, r.body, r.settings
  from unnest(p_ids, p_bodies, p_ranks, p_settings) with ordinality r(id, body, rank, settings, n)
  on conflict (id) do nothing;
  get diagnostics v_count = row_count;
  -- A repeated call of jobs that have ended meanwhile. Looked up after the insert, so that an end in between is seen.
  if v_count > 0 and exists (select from {s}.ended where id >= p_least) then
    delete from {s}.jobs where id in (select e.id from {s}.ended e where e.id = any (p_ids));
    get diagnostics v_again = row_count;
    v_count := v_count - v_again;
  end if;
  if v_count > 0 then
    perform {s}.count_1(p_queue, 0, v_count, 0, 0, 0, 0, 0, v_count, 0, 0, 0, 0);
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
end $$;

-- Any jobs, one by one. p_within: in a caller's transaction, which may take long: no counter is locked then, only a row more
-- written, which maintain adds up. Answers with the id that stands for each, and whether its key was taken.
create function {s}.add_rich_1(p_queue int4, p_within boolean, p_jobs json)
returns table (stands uuid, taken boolean) language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  r record;
  v_base int8 := {s}.stamp();
  v_now int8 := v_base;
  v_owner uuid;
  v_due int8;
  v_due_at int8;
  v_lane int4;
  v_lanes int4[] := '{}';
  v_state int2;
  v_rare boolean;
  v_scheduled int4 := 0;
  v_queued int4 := 0;
begin
  for r in select * from json_to_recordset(p_jobs) as x(id uuid, body text, settings text, rank int2, lane text,
      delay int8, run_at int8, key text, ttl int8, parent_queue text, parent_id uuid, children json) loop
    v_base := v_base + 1;
    stands := r.id;
    taken := false;
    if r.key is not null then
      v_owner := null;
      insert into {s}.keys as k values (p_queue, r.key, r.id, v_now + r.ttl * 4096000)
      on conflict (queue, value) do update set id = excluded.id, expires = excluded.expires where k.expires <= v_now
      returning id into v_owner;
      if v_owner is null then
        -- Its own id: the call is repeated, and the job may have ended and be forgotten already.
        select id into stands from {s}.keys where queue = p_queue and value = r.key;
        stands := coalesce(stands, r.id);
        taken := stands <> r.id;
        return next;
        continue;
      end if;
    end if;
    return next;
    v_lane := case when r.lane is null then p_queue else {s}.lane_1(p_queue, r.lane) end;
    v_due_at := null;
    v_due := case when r.run_at is not null then {s}.stamp_of(r.run_at) when r.delay > 0 then v_now + r.delay * 4096000 else 0 end;
    -- Jobs of one due time keep their order.
    if v_due > v_now then v_due := v_due + (v_base - v_now); end if;
    v_state := 1;
    if r.children is not null then
      v_state := 0;
      if v_due > v_now then v_due_at := v_due; end if;
      v_due := 9223372036854775807;
    elsif v_due > v_now then
      v_state := 0;
    end if;
    v_rare := v_state = 0 or r.parent_id is not null;
    insert into {s}.jobs (id, seq, lane, state, rank, rare, body, settings)
    values (r.id, case when v_state = 0 then v_due else v_base end, case when v_state = 0 then p_queue else v_lane end,
      v_state, r.rank, v_rare, r.body, r.settings)
    on conflict (id) do nothing;
    continue when not found;
    if exists (select from {s}.ended e where e.id = r.id) then
      delete from {s}.jobs where id = r.id;
      continue;
    end if;
    if v_rare then
      insert into {s}.details (id, added, due_lane, due_at, parent_queue, parent_id, waits_for)
      values (r.id, v_base, case when v_state = 0 and v_lane <> p_queue then v_lane end, v_due_at, r.parent_queue, r.parent_id,
        coalesce(json_array_length(r.children), 0));
    end if;
    if r.children is not null then
      insert into {s}.relays (queue, message)
      select p_queue, json_build_object('kind', 'add', 'child', c)::text from json_array_elements(r.children) c;
    end if;
    if v_state = 0 then v_scheduled := v_scheduled + 1; else v_queued := v_queued + 1; end if;
    if v_state = 1 and v_lane <> p_queue and not v_lane = any (v_lanes) then
      v_lanes := v_lanes || v_lane;
      insert into {s}.ring values (p_queue, v_base, v_lane);
    end if;
  end loop;
  if v_scheduled + v_queued > 0 then
    if p_within then
      insert into {s}.counter_changes values (p_queue, v_scheduled, v_queued);
    else
      perform {s}.count_1(p_queue, v_scheduled, v_queued, 0, 0, 0, 0, 0, v_scheduled + v_queued, 0, 0, 0, 0);
    end if;
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
end $$;
`
