import { PINNED } from './basics.ts'

export const CHANGING = `
-- One change to one job. p_text: the new body, or the reason of a cancel; p_keep: count and age in ms of cancelled ones.
create function {s}.change_one_1(p_queue int4, p_id uuid, p_kind text, p_text text, p_rank int2, p_keep int8[])
returns text language plpgsql as $$
#variable_conflict use_column
declare
  j {s}.jobs;
  e {s}.ended;
  d {s}.details;
  v_now int8 := {s}.stamp();
  v_kept int4;
  v_lane int4;
begin
  select * into j from {s}.jobs where id = p_id and {s}.belongs(p_queue, lane) for update;
  if not found then
    select * into e from {s}.ended where id = p_id and queue = p_queue for update;
    if not found then return 'not-found'; end if;
    if p_kind = 'remove' then
      perform {s}.forget_1(p_queue, array[p_id]);
      return 'done';
    elsif p_kind = 'retry' then
      delete from {s}.ended where id = p_id;
      v_lane := case when e.lane is null then p_queue else {s}.lane_1(p_queue, e.lane) end;
      insert into {s}.jobs (id, seq, lane, state, rank, rare, body, settings)
      values (e.id, v_now, v_lane, 1, e.rank, true, coalesce(p_text, e.body), e.settings);
      insert into {s}.details (id, added, parent_queue, parent_id) values (e.id, e.added, e.parent_queue, e.parent_id);
      if v_lane <> p_queue then insert into {s}.ring values (p_queue, v_now, v_lane); end if;
      perform {s}.count_1(p_queue, 0, 1, 0, 0, -(e.state = 4)::int, -(e.state = 5)::int, -(e.state = 6)::int, 0, 0, 0, 0, 0);
      perform pg_notify({s}.channel_of(p_queue), 'w');
      return 'done';
    elsif p_kind = 'edit' then
      update {s}.ended set body = coalesce(p_text, body), rank = coalesce(p_rank, rank) where id = p_id;
      return 'done';
    end if;
    return 'wrong-state';
  end if;

  if p_kind = 'cancel' then
    if j.state = 2 then
      perform {s}.detail_1(j.id, j.seq);
      update {s}.details set cancel_reason = coalesce(cancel_reason, p_text) where id = j.id;
      update {s}.jobs set rare = true where id = j.id;
      perform pg_notify({s}.channel_of(p_queue), 'c' || j.id);
      return 'requested';
    end if;
    v_kept := {s}.end_1(p_queue, j, 5::int2, null, null, p_text, p_keep[1], p_keep[2])::int;
    perform {s}.count_1(p_queue, -(j.state = 0)::int, -(j.state = 1)::int, 0, -(j.state = 3)::int, 0, v_kept, 0, 0, 0, 0, 0, 0);
    perform {s}.trim_1(p_queue, 5::int2, p_keep[1], 1);
    return 'done';
  end if;
  if j.state = 2 then return 'wrong-state'; end if;
  if p_kind = 'promote' then
    select * into d from {s}.details where id = j.id;
    if j.state not in (0, 3) or coalesce(d.waits_for, 0) > 0 then return 'wrong-state'; end if;
    v_lane := coalesce(d.due_lane, p_queue);
    update {s}.jobs set state = 1, seq = v_now, lane = v_lane where id = j.id;
    if v_lane <> p_queue then insert into {s}.ring values (p_queue, v_now, v_lane); end if;
    perform {s}.count_1(p_queue, -(j.state = 0)::int, 1, 0, -(j.state = 3)::int, 0, 0, 0, 0, 0, 0, 0, 0);
    perform pg_notify({s}.channel_of(p_queue), 'w');
    return 'done';
  elsif p_kind = 'edit' then
    if p_rank <> j.rank and j.state = 1 then
      -- To the end of its new rank, with the time at which it was added kept aside.
      perform {s}.detail_1(j.id, j.seq);
      j.rare := true;
      j.seq := v_now;
    end if;
    update {s}.jobs set body = coalesce(p_text, body), rank = coalesce(p_rank, rank), seq = j.seq, rare = j.rare where id = j.id;
    -- A claim at this very moment has passed over the locked row.
    if j.state = 1 then perform pg_notify({s}.channel_of(p_queue), 'w'); end if;
    return 'done';
  elsif p_kind = 'remove' then
    delete from {s}.jobs where id = j.id;
    delete from {s}.details where id = j.id returning * into d;
    if d.parent_id is not null then
      perform {s}.tell_parent_1(p_queue, j.id, 5::int2, null, d.parent_queue, d.parent_id);
    end if;
    if d.watched then
      perform pg_notify({s}.channel_of(p_queue), 'f' || json_build_object('id', j.id, 'state', 5, 'reason', 'removed')::text);
    end if;
    delete from {s}.logs where id = j.id;
    delete from {s}.child_outcomes where parent = j.id;
    perform {s}.count_1(p_queue, -(j.state = 0)::int, -(j.state = 1)::int, 0, -(j.state = 3)::int, 0, 0, 0, 0, 0, 0, 0, 0);
    return 'done';
  end if;
  return 'wrong-state';
end $$;

create function {s}.change_1(p_queue int4, p_ids uuid[], p_kind text, p_text text, p_rank int2, p_keep int8[])
returns table (id uuid, outcome text) language plpgsql ${PINNED} as $$
#variable_conflict use_column
begin
  -- In one order, whoever calls: two callers do not wait for each other.
  for id in select u from unnest(p_ids) u order by u loop
    outcome := {s}.change_one_1(p_queue, id, p_kind, p_text, p_rank, p_keep);
    return next;
  end loop;
end $$;

-- A parent is told how a child of it ended; with the last one it is queued.
create function {s}.child_ended_1(p_queue int4, p_id uuid, p_child uuid, p_outcome text, p_well boolean, p_keep int8[])
returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  j {s}.jobs;
  d {s}.details;
  v_is_live boolean;
  v_kept int4;
  v_now int8 := {s}.stamp();
begin
  select * into j from {s}.jobs where id = p_id and {s}.belongs(p_queue, lane) for update;
  v_is_live := found;
  if not v_is_live and not exists (select from {s}.ended where id = p_id and queue = p_queue) then return; end if;
  insert into {s}.child_outcomes (parent, child, outcome) values (p_id, p_child, p_outcome) on conflict do nothing;
  if not found or not v_is_live or j.state <> 0 then return; end if;
  update {s}.details set waits_for = waits_for - 1 where id = p_id and waits_for > 0 returning * into d;
  if not found then return; end if;
  if not p_well then
    v_kept := {s}.end_1(p_queue, j, 6::int2, null, null, 'child', p_keep[5], p_keep[6])::int;
    perform {s}.count_1(p_queue, -1, 0, 0, 0, 0, 0, v_kept, 0, 0, 0, 1, 0);
    perform {s}.trim_1(p_queue, 6::int2, p_keep[5], 1);
  elsif d.waits_for = 0 and d.due_at > v_now then
    update {s}.jobs set seq = d.due_at where id = p_id;
    perform pg_notify({s}.channel_of(p_queue), 'w');
  elsif d.waits_for = 0 then
    update {s}.jobs set state = 1, seq = v_now, lane = coalesce(d.due_lane, p_queue) where id = p_id;
    if d.due_lane is not null then insert into {s}.ring values (p_queue, v_now, d.due_lane); end if;
    perform {s}.count_1(p_queue, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
end $$;

-- One step of a schedule: true for exactly one caller.
create function {s}.tick_1(p_queue int4, p_key text, p_due int8, p_next int8, p_jobs json) returns boolean language plpgsql ${PINNED} as $$
#variable_conflict use_column
begin
  update {s}.schedules set due_at = p_next where queue = p_queue and key = p_key and due_at = p_due;
  if not found then return false; end if;
  if p_jobs is not null then perform {s}.add_rich_1(p_queue, false, p_jobs); end if;
  return true;
end $$;

-- Progress and log lines of a running job.
create function {s}.note_1(p_queue int4, p_id uuid, p_fence int8, p_progress text, p_lines text[]) returns boolean language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare j {s}.jobs;
begin
  select * into j from {s}.jobs where id = p_id and fence = p_fence and state = 2 and {s}.belongs(p_queue, lane) for no key update;
  if not found then return false; end if;
  if not j.rare then update {s}.jobs set rare = true where id = p_id; end if;
  perform {s}.detail_1(j.id, j.seq);
  if p_progress is not null then update {s}.details set progress = p_progress where id = p_id; end if;
  if p_lines is not null then
    insert into {s}.logs (id, line) select p_id, line from unnest(p_lines) with ordinality l(line, n) order by n;
    delete from {s}.logs where id = p_id and n <= (select n from {s}.logs where id = p_id order by n desc offset 1000 limit 1);
  end if;
  return true;
end $$;

-- Asks for a signal at the end of a job. True when it is there and has not ended.
create function {s}.watch_1(p_queue int4, p_id uuid) returns boolean language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare j {s}.jobs;
begin
  select * into j from {s}.jobs where id = p_id and {s}.belongs(p_queue, lane) for no key update;
  if not found then return false; end if;
  perform {s}.detail_1(j.id, j.seq);
  update {s}.details set watched = true where id = p_id;
  if not j.rare then update {s}.jobs set rare = true where id = p_id; end if;
  -- A claim at this very moment has passed over the locked row.
  if j.state = 1 then perform pg_notify({s}.channel_of(p_queue), 'w'); end if;
  return true;
end $$;
`
