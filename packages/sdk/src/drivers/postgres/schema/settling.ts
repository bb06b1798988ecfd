/** What becomes of jobs that were running. Called by the functions of the other files, under their pinned plans. */
export const SETTLING = `
-- The last act of a job: kept or not, its parent told, who watches it told. The row in jobs is locked by the caller.
-- p_count, p_age (ms): how it is kept. True when it is kept.
create function {s}.end_1(p_queue int4, j {s}.jobs, p_state int2, p_value text, p_error text, p_reason text, p_count int8, p_age int8)
returns boolean language plpgsql as $$
#variable_conflict use_column
declare
  d {s}.details;
  v_now int8 := {s}.stamp();
  v_kept boolean := p_count > 0;
  v_watched int8;
  v_signal text;
begin
  delete from {s}.jobs where id = j.id;
  if j.rare then
    delete from {s}.details where id = j.id returning * into d;
  end if;
  if d.watched then
    v_watched := v_now + 60000::int8 * 4096000;
    if not v_kept then p_age := 60000; end if;
    v_kept := true;
  end if;
  if v_kept then
    insert into {s}.ended (id, seq, added, started, first_failed_at, last_failed_at, watched_until, expires, queue, lane, failures,
      crashes, state, rank, rare, body, settings, value, error, reason, progress, parent_queue, parent_id)
    values (j.id, v_now, coalesce(d.added, j.seq), coalesce(j.fence, d.started), d.first_failed_at, d.last_failed_at, v_watched,
      greatest({s}.expiry(v_now, p_age), case when p_age < 3000000000000 then v_watched end), p_queue,
      (select name from {s}.lanes where id = coalesce(d.due_lane, j.lane)),
      coalesce(d.failures, 0), coalesce(d.crashes, 0), p_state, j.rank, j.rare, j.body, j.settings, p_value, coalesce(p_error, d.error),
      p_reason, d.progress, d.parent_queue, d.parent_id)
    on conflict (id) do nothing;
  elsif j.rare then
    delete from {s}.logs where id = j.id;
    delete from {s}.child_outcomes where parent = j.id;
  end if;
  if d.parent_id is not null then
    perform {s}.tell_parent_1(p_queue, j.id, p_state, p_value, d.parent_queue, d.parent_id);
  end if;
  if d.watched then
    v_signal := 'f' || json_build_object('id', j.id, 'state', p_state, 'value', p_value, 'error', coalesce(p_error, d.error), 'reason', p_reason)::text;
    if octet_length(v_signal) > 7900 then
      v_signal := 'f' || json_build_object('id', j.id)::text;
    end if;
    perform pg_notify({s}.channel_of(p_queue), v_signal);
  end if;
  return v_kept;
end $$;

-- Null for an age so long that it means forever.
create function {s}.expiry(p_now int8, p_age int8) returns int8 language sql immutable as
$$ select case when p_age < 3000000000000 then p_now + p_age * 4096000 end $$;

create function {s}.tell_parent_1(p_queue int4, p_id uuid, p_state int2, p_value text, p_parent_queue text, p_parent uuid)
returns void language plpgsql as $$
begin
  insert into {s}.relays (queue, message) values (p_queue, json_build_object('kind', 'child-ended', 'parentQueue',
    p_parent_queue, 'parentId', p_parent, 'childId', p_id, 'state', p_state, 'value', p_value)::text);
  perform pg_notify({s}.channel_of(p_queue), 'w');
end $$;

-- What is kept with an ended job goes with it.
create function {s}.forget_1(p_queue int4, p_ids uuid[]) returns int4 language plpgsql as $$
#variable_conflict use_column
declare
  v_counts int4[];
  v_rare uuid[];
begin
  with gone as (delete from {s}.ended where id = any (p_ids) returning id, state, rare)
  select array[count(*) filter (where state = 4), count(*) filter (where state = 5), count(*) filter (where state = 6)]::int4[],
    array_agg(id) filter (where rare)
  into v_counts, v_rare from gone;
  if v_rare is not null then
    delete from {s}.logs where id = any (v_rare);
    delete from {s}.child_outcomes where parent = any (v_rare);
  end if;
  perform {s}.count_1(p_queue, 0, 0, 0, 0, -v_counts[1], -v_counts[2], -v_counts[3], 0, 0, 0, 0, 0);
  return v_counts[1] + v_counts[2] + v_counts[3];
end $$;

-- Keeps the newest p_count. p_ended jobs have just come: what is above is worked off by and by.
create function {s}.trim_1(p_queue int4, p_state int2, p_count int8, p_ended int4) returns void language plpgsql as $$
#variable_conflict use_column
declare
  v_now int8 := {s}.stamp();
  v_excess int8;
  v_gone int4;
  v_rare uuid[];
begin
  select sum(case p_state when 4 then succeeded when 5 then cancelled else dead end)::int8 - p_count into v_excess
  from {s}.counters where queue = p_queue;
  if v_excess is null or v_excess <= 0 then return; end if;
  with oldest as materialized (
    select ctid as place, watched_until from {s}.ended where queue = p_queue and state = p_state
    order by seq limit least(v_excess, 64 + 2 * p_ended) for update skip locked
  ), gone as (
    delete from {s}.ended e using oldest o
    where e.ctid = o.place and (o.watched_until is null or o.watched_until <= v_now) returning e.id, e.rare
  )
  select count(*), array_agg(id) filter (where rare) into v_gone, v_rare from gone;
  if v_rare is not null then
    delete from {s}.logs where id = any (v_rare);
    delete from {s}.child_outcomes where parent = any (v_rare);
  end if;
  if v_gone > 0 then
    perform {s}.count_1(p_queue, 0, 0, 0, 0, case when p_state = 4 then -v_gone else 0 end,
      case when p_state = 5 then -v_gone else 0 end, case when p_state = 6 then -v_gone else 0 end, 0, 0, 0, 0, 0);
  end if;
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

-- Back to the front of the queue, or to its group's: p_place, which is negative. One whose cancellation was asked for ends
-- instead. Answers with the state that it has now, with 10 more when it is kept in that.
create function {s}.hand_back_1(p_queue int4, j {s}.jobs, p_place int8, p_most_crashes int4, p_keep int8[])
returns int4 language plpgsql as $$
#variable_conflict use_column
declare d {s}.details;
begin
  perform {s}.detail_1(j.id, j.seq);
  update {s}.details set crashes = crashes + (p_most_crashes > 0)::int, started = case when p_most_crashes > 0 then j.fence end
  where id = j.id returning * into d;
  j.rare := true;
  if d.cancel_reason is not null then
    return 5 + 10 * {s}.end_1(p_queue, j, 5::int2, null, null, d.cancel_reason, p_keep[3], p_keep[4])::int;
  elsif p_most_crashes > 0 and d.crashes >= p_most_crashes then
    return 6 + 10 * {s}.end_1(p_queue, j, 6::int2, null, null, 'crashes', p_keep[5], p_keep[6])::int;
  end if;
  update {s}.jobs set state = 1, seq = p_place, worker = null, fence = null, rare = true where id = j.id;
  return 1;
end $$;

-- A failed attempt, whatever comes after it.
create function {s}.failed_1(j {s}.jobs, p_queue int4, p_error text, p_now int8) returns {s}.details language plpgsql as $$
#variable_conflict use_column
declare d {s}.details;
begin
  perform {s}.detail_1(j.id, j.seq);
  update {s}.details set failures = failures + 1, error = p_error, first_failed_at = coalesce(first_failed_at, p_now),
    last_failed_at = p_now, started = j.fence, due_lane = case when j.lane <> p_queue then j.lane end
  where id = j.id returning * into d;
  return d;
end $$;

-- Results of any kind, one by one. Answers with the ids that were refused.
create function {s}.settle_1(p_queue int4, p_worker int4, p_keep int8[], p_results json) returns uuid[] language plpgsql as $$
#variable_conflict use_column
declare
  r record;
  j {s}.jobs;
  d {s}.details;
  v_refused uuid[] := '{}';
  v_lanes int4[] := '{}';
  v_now int8 := {s}.stamp();
  v_running int4 := 0;
  v_queued int4 := 0;
  v_retrying int4 := 0;
  v_ended int4[] := '{0,0,0}';
  v_kept int4[] := '{0,0,0}';
  v_failed int4 := 0;
  v_state int4;
begin
  for r in select * from json_to_recordset(p_results) as x(n int4, id uuid, fence int8, kind text, text text, reason text, delay int8)
      order by id loop
    select * into j from {s}.jobs where id = r.id and fence = r.fence and worker = p_worker and {s}.belongs(p_queue, lane) for update;
    if not found then
      v_refused := v_refused || r.id;
      continue;
    end if;
    v_running := v_running - 1;
    if j.lane <> p_queue then v_lanes := v_lanes || j.lane; end if;
    v_state := 0;
    if r.kind = 'released' then
      v_state := {s}.hand_back_1(p_queue, j, r.n - v_now, 0, p_keep);
    elsif r.kind = 'succeeded' then
      v_state := 4 + 10 * {s}.end_1(p_queue, j, 4::int2, r.text, null, null, p_keep[1], p_keep[2])::int;
    elsif r.kind = 'cancelled' then
      v_state := 5 + 10 * {s}.end_1(p_queue, j, 5::int2, null, null, r.reason, p_keep[3], p_keep[4])::int;
    else
      d := {s}.failed_1(j, p_queue, r.text, v_now);
      j.rare := true;
      v_failed := v_failed + 1;
      if r.kind = 'dead' then
        v_state := 6 + 10 * {s}.end_1(p_queue, j, 6::int2, null, r.text, r.reason, p_keep[5], p_keep[6])::int;
      elsif d.cancel_reason is not null then
        v_state := 5 + 10 * {s}.end_1(p_queue, j, 5::int2, null, null, d.cancel_reason, p_keep[3], p_keep[4])::int;
      else
        update {s}.jobs set state = 3, seq = v_now + r.delay * 4096000 + r.n, lane = p_queue, worker = null, fence = null, rare = true
        where id = j.id;
        v_retrying := v_retrying + 1;
      end if;
    end if;
    if v_state = 1 then v_queued := v_queued + 1; end if;
    if v_state > 3 then v_ended[v_state % 10 - 3] := v_ended[v_state % 10 - 3] + 1; end if;
    if v_state > 10 then v_kept[v_state % 10 - 3] := v_kept[v_state % 10 - 3] + 1; end if;
  end loop;
  perform {s}.tally_1(p_queue, v_queued, v_running, v_retrying, v_ended, v_kept, v_failed, 0, p_keep);
  if v_lanes <> '{}' then perform {s}.free_1(p_queue, v_lanes); end if;
  return v_refused;
end $$;

-- Counts what has ended, also what was not kept, and trims what is kept.
create function {s}.tally_1(p_queue int4, p_queued int4, p_running int4, p_retrying int4, p_ended int4[], p_kept int4[],
  p_failed int4, p_crashed int4, p_keep int8[]) returns void language plpgsql as $$
begin
  perform {s}.count_1(p_queue, 0, p_queued, p_running, p_retrying, p_kept[1], p_kept[2], p_kept[3], 0, p_ended[1], p_failed,
    p_ended[3], p_crashed);
  for i in 1..3 loop
    if p_ended[i] > 0 then
      perform {s}.trim_1(p_queue, (i + 3)::int2, p_keep[i * 2 - 1], p_ended[i]);
    end if;
  end loop;
end $$;
`
