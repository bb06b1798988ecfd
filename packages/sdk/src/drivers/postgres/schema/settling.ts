/** What becomes of jobs that were running. Called by the functions of the other files, under their pinned plans. */
export const SETTLING = `
-- The last act of a job: kept or not, its parent told, who watches it told. The row in jobs is locked by the caller.
-- p_keep: count and age in ms for each of succeeded, cancelled, dead.
create function {s}.end_1(p_queue int4, j {s}.jobs, p_state int2, p_value text, p_error text, p_reason text, p_keep int8[])
returns void language plpgsql as $$
#variable_conflict use_column
declare
  d {s}.details;
  v_now int8 := {s}.stamp();
  v_kept boolean := p_keep[p_state * 2 - 7] > 0;
  v_signal text;
begin
  delete from {s}.jobs where id = j.id;
  if j.rare then
    delete from {s}.details where id = j.id returning * into d;
  end if;
  if v_kept or coalesce(d.watched, false) then
    insert into {s}.ended (id, seq, added, started, first_failed_at, last_failed_at, watched_until, queue, lane, failures,
      crashes, state, rank, rare, body, settings, value, error, reason, progress, parent_queue, parent_id)
    values (j.id, v_now, coalesce(d.added, j.seq & 9223372036854775807), j.fence, d.first_failed_at, d.last_failed_at,
      case when d.watched then v_now + 60000::int8 * 4096000 end, p_queue, coalesce(d.due_lane, j.lane), coalesce(d.failures, 0),
      coalesce(d.crashes, 0), p_state, j.rank, j.rare, j.body, j.settings, p_value, coalesce(p_error, d.error), p_reason,
      d.progress, d.parent_queue, d.parent_id)
    on conflict (id) do nothing;
  elsif j.rare then
    delete from {s}.logs where id = j.id;
    delete from {s}.child_outcomes where parent = j.id;
  end if;
  if d.parent_id is not null then
    insert into {s}.relays (queue, message) values (p_queue, json_build_object('kind', 'child-ended', 'parentQueue',
      d.parent_queue, 'parentId', d.parent_id, 'childId', j.id, 'state', p_state, 'value', p_value)::text);
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
  if d.watched then
    v_signal := 'f' || json_build_object('id', j.id, 'state', p_state, 'value', p_value, 'error', p_error, 'reason', p_reason)::text;
    if octet_length(v_signal) > 7900 then
      v_signal := 'f' || json_build_object('id', j.id)::text;
    end if;
    perform pg_notify({s}.channel_of(p_queue), v_signal);
  end if;
end $$;

-- Keeps the newest p_count.
create function {s}.trim_1(p_queue int4, p_state int2, p_count int8, p_age int8) returns int4 language plpgsql as $$
#variable_conflict use_column
declare
  v_now int8 := {s}.stamp();
  v_excess int8;
  v_gone uuid[];
  v_rare uuid[];
  v_total int4 := 0;
begin
  select sum(case p_state when 4 then succeeded when 5 then cancelled else dead end)::int8 - p_count into v_excess
  from {s}.counters where queue = p_queue;
  if v_excess > 0 then
    with old as materialized (
      select id from {s}.ended where queue = p_queue and state = p_state and watched_until is null
      order by seq limit least(v_excess, 2000) for update skip locked
    ), gone as (delete from {s}.ended e using old where e.id = old.id returning e.id, e.rare)
    select array_agg(id), array_agg(id) filter (where rare) into v_gone, v_rare from gone;
    v_total := coalesce(cardinality(v_gone), 0);
  end if;
  if p_age < 3000000000000 then
    with old as materialized (
      select id from {s}.ended where queue = p_queue and state = p_state and watched_until is null
        and seq <= v_now - p_age * 4096000
      order by seq limit 2000 for update skip locked
    ), gone as (delete from {s}.ended e using old where e.id = old.id returning e.id, e.rare)
    select array_agg(id), v_rare || array_agg(id) filter (where rare) into v_gone, v_rare from gone;
    v_total := v_total + coalesce(cardinality(v_gone), 0);
  end if;
  if v_rare is not null then
    delete from {s}.logs where id = any (v_rare);
    delete from {s}.child_outcomes where parent = any (v_rare);
  end if;
  if v_total > 0 then
    perform {s}.count_1(p_queue, 0, 0, 0, 0, case when p_state = 4 then -v_total else 0 end,
      case when p_state = 5 then -v_total else 0 end, case when p_state = 6 then -v_total else 0 end, 0, 0, 0, 0, 0);
  end if;
  return v_total;
end $$;

-- Places in groups that became free.
create function {s}.free_1(p_queue int4, p_lanes int4[]) returns void language plpgsql as $$
#variable_conflict use_column
declare r record;
begin
  -- Always in the same order, and held for the length of one call only: nobody waits for whom waits for him.
  for r in select lane, count(*)::int4 as n from unnest(p_lanes) lane group by lane order by lane loop
    update {s}.lanes set running = greatest(0, running - r.n) where id = r.lane;
    if exists (select from {s}.jobs where lane = r.lane and state = 1) then
      insert into {s}.ring values (p_queue, {s}.stamp(), r.lane);
    end if;
  end loop;
end $$;

-- Back to the front of the queue, or to its group's.
create function {s}.hand_back_1(p_queue int4, j {s}.jobs, p_crashed boolean) returns void language plpgsql as $$
#variable_conflict use_column
begin
  if p_crashed then
    perform {s}.detail_1(j.id, j.seq);
    update {s}.details set crashes = crashes + 1 where id = j.id;
  end if;
  update {s}.jobs set state = 1, seq = j.seq | '-9223372036854775808'::int8, worker = null, fence = null, rare = j.rare or p_crashed
  where id = j.id;
end $$;

-- Results of any kind, one by one. Answers with the ids that were refused.
create function {s}.settle_1(p_queue int4, p_keep int8[], p_results json) returns uuid[] language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  j {s}.jobs;
  v_refused uuid[] := '{}';
  v_lanes int4[] := '{}';
  v_now int8 := {s}.stamp();
  v_running int4 := 0;
  v_queued int4 := 0;
  v_retrying int4 := 0;
  v_ended int4[] := '{0,0,0}';
  v_failed int4 := 0;
  v_dead int4 := 0;
begin
  for r in select * from json_to_recordset(p_results) as x(id uuid, fence int8, kind text, text text, reason text, delay int8)
      order by id loop
    select * into j from {s}.jobs where id = r.id and fence = r.fence and state = 2 and {s}.belongs(p_queue, lane) for update;
    if not found then
      v_refused := v_refused || r.id;
      continue;
    end if;
    v_running := v_running - 1;
    if j.lane <> p_queue then v_lanes := v_lanes || j.lane; end if;
    if r.kind = 'released' then
      perform {s}.hand_back_1(p_queue, j, false);
      v_queued := v_queued + 1;
    elsif r.kind = 'retry' then
      perform {s}.detail_1(j.id, j.seq);
      update {s}.details set failures = failures + 1, error = r.text, first_failed_at = coalesce(first_failed_at, v_now),
        last_failed_at = v_now, due_lane = case when j.lane <> p_queue then j.lane end
      where id = j.id;
      update {s}.jobs set state = 3, seq = v_now + r.delay * 4096000, lane = p_queue, worker = null, fence = null, rare = true
      where id = j.id;
      v_retrying := v_retrying + 1;
      v_failed := v_failed + 1;
    elsif r.kind = 'succeeded' then
      perform {s}.end_1(p_queue, j, 4::int2, r.text, null, null, p_keep);
      v_ended[1] := v_ended[1] + 1;
    elsif r.kind = 'cancelled' then
      perform {s}.end_1(p_queue, j, 5::int2, null, null, r.reason, p_keep);
      v_ended[2] := v_ended[2] + 1;
    else
      if r.reason <> 'crashes' then
        perform {s}.detail_1(j.id, j.seq);
        update {s}.details set failures = failures + 1, error = r.text, first_failed_at = coalesce(first_failed_at, v_now),
          last_failed_at = v_now
        where id = j.id;
        j.rare := true;
        v_failed := v_failed + 1;
      end if;
      perform {s}.end_1(p_queue, j, 6::int2, null, r.text, r.reason, p_keep);
      v_ended[3] := v_ended[3] + 1;
    end if;
  end loop;
  perform {s}.tally_1(p_queue, v_queued, v_running, v_retrying, v_ended, v_failed, 0, p_keep);
  if v_lanes <> '{}' then perform {s}.free_1(p_queue, v_lanes); end if;
  return v_refused;
end $$;

-- Counts what has ended, also what was not kept, and trims what is kept.
create function {s}.tally_1(p_queue int4, p_queued int4, p_running int4, p_retrying int4, p_ended int4[], p_failed int4,
  p_crashed int4, p_keep int8[]) returns void language plpgsql as $$
declare v_kept int4[] := '{0,0,0}';
begin
  for i in 1..3 loop
    if p_keep[i * 2 - 1] > 0 then v_kept[i] := p_ended[i]; end if;
  end loop;
  perform {s}.count_1(p_queue, 0, p_queued, p_running, p_retrying, v_kept[1], v_kept[2], v_kept[3], 0, p_ended[1], p_failed,
    p_ended[3], p_crashed);
  for i in 1..3 loop
    if v_kept[i] > 0 then perform {s}.trim_1(p_queue, (i + 3)::int2, p_keep[i * 2 - 1], p_keep[i * 2]); end if;
  end loop;
end $$;
`
