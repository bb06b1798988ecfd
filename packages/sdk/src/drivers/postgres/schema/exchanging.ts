import { PINNED } from './basics.ts'

export const EXCHANGING = `
create type {s}.claimed_1 as (id uuid, body text, settings text, rank int2, seq int8, lane int4, fence int8, rare text);

-- Due jobs join the end of their queue or group.
create function {s}.promote_1(p_queue int4, p_most int4) returns int4 language plpgsql as $$
#variable_conflict use_column
declare
  v_now int8 := {s}.stamp();
  v_count int4;
  v_retries int4;
  v_lanes int4[];
begin
  with due as materialized (
    select ctid as place, id, rare, state, row_number() over (order by seq) as n from (
      select ctid, id, rare, state, seq from {s}.jobs where lane = p_queue and state in (0, 3) and seq <= v_now
      order by seq limit p_most for update skip locked
    ) d
  ), moved as (
    update {s}.jobs j set state = 1, seq = v_now + due.n,
      lane = coalesce(case when due.rare then (select due_lane from {s}.details d where d.id = due.id) end, p_queue)
    from due where j.ctid = due.place
    returning due.state, j.lane
  )
  select count(*), count(*) filter (where state = 3), array_agg(distinct lane) filter (where lane <> p_queue)
  into v_count, v_retries, v_lanes from moved;
  if v_count > 0 then
    perform {s}.count_1(p_queue, v_retries - v_count, v_count, 0, -v_retries, 0, 0, 0, 0, 0, 0, 0, 0);
    if v_lanes is not null then
      insert into {s}.ring select p_queue, v_now, l from unnest(v_lanes) l;
    end if;
  end if;
  return v_count;
end $$;

-- What the driver needs to know of a job that has more than others.
create function {s}.rare_1(p_id uuid) returns text language sql stable as
$$ select json_build_object('failures', failures, 'crashes', crashes, 'added', added, 'parentQueue', parent_queue, 'parentId', parent_id)::text
   from {s}.details where id = p_id $$;

-- One job of each group that has a free place, round by round.
create function {s}.claim_grouped_1(q {s}.queues, p_worker int4, p_fence int8, p_want int4)
returns setof {s}.claimed_1 language plpgsql as $$
#variable_conflict use_column
declare
  t record;
  l {s}.lanes;
  c {s}.claimed_1;
  v_taken int4 := 0;
  v_before int4;
  v_now int8;
  v_rare boolean;
  v_seen int4[];
begin
  loop
    v_before := v_taken;
    v_seen := '{}';
    v_now := {s}.stamp();
    for t in select ctid as place, lane from {s}.ring where queue = q.id and turn <= v_now order by turn limit p_want - v_taken
        for update skip locked loop
      -- It may stand there more than once: each add puts it there.
      continue when t.lane = any (v_seen);
      v_seen := v_seen || t.lane;
      -- Not locked against who is adding to it in a long transaction (see lane_1).
      select * into l from {s}.lanes where id = t.lane for no key update skip locked;
      continue when not found;
      delete from {s}.ring where ctid = any (array(select ctid from {s}.ring where lane = t.lane for update skip locked));
      -- With the end of one of its jobs it comes back into the ring.
      continue when l.running >= q.group_concurrency;
      if q.group_rate_limit is not null then
        if l.rate_start + q.group_rate_per_ms * 4096000 <= v_now then
          l.rate_start := v_now;
          l.rate_count := 0;
        end if;
        if l.rate_count >= q.group_rate_limit then
          insert into {s}.ring values (q.id, l.rate_start + q.group_rate_per_ms * 4096000, l.id);
          continue;
        end if;
      end if;
      update {s}.jobs j set state = 2, worker = p_worker, fence = p_fence
      where j.ctid = (select ctid from {s}.jobs where lane = l.id and state = 1 order by rank, seq limit 1 for update skip locked)
      returning j.id, j.body, j.settings, j.rank, j.seq, j.lane, j.fence, j.rare::text into c;
      continue when not found;
      v_rare := c.rare::boolean;
      c.rare := json_build_object('group', l.name)::text;
      if v_rare then c.rare := ({s}.rare_1(c.id)::jsonb || c.rare::jsonb)::text; end if;
      update {s}.lanes set running = l.running + 1, rate_start = l.rate_start, rate_count = l.rate_count + 1 where id = l.id;
      if exists (select from {s}.jobs where lane = l.id and state = 1) then
        insert into {s}.ring values (q.id, {s}.stamp(), l.id);
      end if;
      v_taken := v_taken + 1;
      return next c;
    end loop;
    exit when v_taken = v_before or v_taken >= p_want;
  end loop;
end $$;

-- Records results and claims. The last row is about the call: its body is leased, again, refused as JSON.
-- p_ids, p_fences, p_values: jobs that succeeded. p_results: any other results, as JSON.
-- p_holds: what else its worker is running goes back.
-- p_floor_*: where this driver's last claim ended; entries of jobs long gone before it are not walked over again.
create function {s}.exchange_1(p_queue int4, p_worker text, p_want int4, p_ids uuid[], p_fences int8[], p_values text[],
  p_results json, p_keep int8[], p_holds uuid[], p_floor_rank int2, p_floor_seq int8, p_groups_first boolean)
returns setof {s}.claimed_1 language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  q {s}.queues;
  v_now int8 := {s}.stamp();
  v_done uuid[];
  v_refused uuid[] := '{}';
  v_worker int4;
  v_fence int8;
  v_want int4 := p_want;
  v_taken int4 := 0;
  v_count int4;
  v_succeeded int4 := 0;
  v_again int8;
  v_due int8;
  v_head {s}.claimed_1;
begin
  select * into q from {s}.queues where id = p_queue;
  select no into v_worker from {s}.workers where queue = p_queue and id = p_worker and not gone and lease_until > v_now;
  if v_worker is null then
    v_head.body := json_build_object('leased', false, 'again', null, 'refused', coalesce(p_ids, '{}') || coalesce(
      (select array_agg(id) from json_to_recordset(p_results) as x(id uuid)), '{}'))::text;
    return next v_head;
    return;
  end if;

  if p_ids is not null then
    if p_keep[1] = 0 then
      with gone as (
        delete from {s}.jobs j using unnest(p_ids, p_fences) r(id, fence)
        where j.id = r.id and j.fence = r.fence and j.worker = v_worker and j.lane = p_queue and not j.rare
        returning j.id
      ) select array_agg(id) into v_done from gone;
      v_succeeded := coalesce(cardinality(v_done), 0);
    else
      with gone as (
        delete from {s}.jobs j using unnest(p_ids, p_fences, p_values) with ordinality r(id, fence, value, n)
        where j.id = r.id and j.fence = r.fence and j.worker = v_worker and j.lane = p_queue and not j.rare
        returning j.*, r.value, r.n
      ), kept as (
        insert into {s}.ended (id, seq, added, started, expires, queue, failures, crashes, state, rank, rare, body, settings, value)
        select id, v_now + n, seq, fence, {s}.expiry(v_now, p_keep[2]), p_queue, 0, 0, 4, rank, false, body, settings, value from gone
        returning id
      ) select array_agg(id) into v_done from kept;
      v_succeeded := coalesce(cardinality(v_done), 0);
    end if;
    v_count := v_succeeded;
    -- With nothing kept and nothing limited, what ended is counted together with what is claimed.
    if v_succeeded > 0 and (p_keep[1] > 0 or q.limited or exists (select from {s}.ended where queue = p_queue and state = 4)) then
      perform {s}.tally_1(p_queue, 0, -v_succeeded, 0, array[v_succeeded, 0, 0],
        array[case when p_keep[1] > 0 then v_succeeded else 0 end, 0, 0], 0, 0, p_keep);
      v_succeeded := 0;
    end if;
    if v_count < cardinality(p_ids) then
      v_refused := {s}.settle_1(p_queue, v_worker, p_keep, (
        select json_agg(json_build_object('id', r.id, 'fence', r.fence, 'kind', 'succeeded', 'text', r.value))
        from unnest(p_ids, p_fences, p_values) r(id, fence, value) where v_done is null or r.id <> all (v_done)));
    end if;
  end if;
  if p_results is not null then
    v_refused := v_refused || {s}.settle_1(p_queue, v_worker, p_keep, p_results);
  end if;
  if p_holds is not null then
    perform {s}.take_back_1(p_queue, v_worker, 0, p_holds, p_keep);
  end if;

  if q.paused then v_want := 0; end if;
  select seq into v_due from {s}.jobs where lane = p_queue and state in (0, 3) order by seq limit 1;
  if v_due <= v_now and not q.paused then
    perform {s}.promote_1(p_queue, greatest(1000, p_want));
    select seq into v_due from {s}.jobs where lane = p_queue and state in (0, 3) order by seq limit 1;
  end if;
  if not q.paused then v_again := v_due; end if;
  if v_want > 0 and q.limited then
    select * into q from {s}.queues where id = p_queue for no key update;
    if q.concurrency is not null then
      v_want := least(v_want, greatest(0, q.concurrency - (select sum(running)::int4 from {s}.counters where queue = p_queue)));
    end if;
    if q.rate_limit is not null then
      if q.rate_start + q.rate_per_ms * 4096000 <= v_now then
        q.rate_start := v_now;
        q.rate_count := 0;
      end if;
      v_want := least(v_want, greatest(0, q.rate_limit - q.rate_count));
    end if;
  end if;
  if v_want > 0 then
    v_fence := {s}.stamp() | (nextval('{s}.fences') & 4095);
    if q.grouped then
      return query select * from {s}.claim_grouped_1(q, v_worker, v_fence, (v_want + p_groups_first::int4) / 2);
      get diagnostics v_taken = row_count;
    end if;
    return query
      with picked as materialized (
        select place from (
          select place from (select j.ctid as place from {s}.jobs j
            where j.lane = p_queue and j.state = 1 and (j.rank, j.seq) < (p_floor_rank, 0::int8)
            order by j.rank, j.seq limit v_want - v_taken for update skip locked) front
          union all
          select place from (select j.ctid as place from {s}.jobs j
            where j.lane = p_queue and j.state = 1 and (j.rank, j.seq) >= (p_floor_rank, p_floor_seq)
            order by j.rank, j.seq limit v_want - v_taken for update skip locked) rest
        ) both_ranges limit v_want - v_taken
      )
      update {s}.jobs j set state = 2, worker = v_worker, fence = v_fence from picked where j.ctid = picked.place
      returning j.id, j.body, j.settings, j.rank, j.seq, j.lane, j.fence, case when j.rare then {s}.rare_1(j.id) end;
    get diagnostics v_count = row_count;
    v_taken := v_taken + v_count;
    if q.grouped and v_taken < v_want then
      return query select * from {s}.claim_grouped_1(q, v_worker, v_fence, v_want - v_taken);
      get diagnostics v_count = row_count;
      v_taken := v_taken + v_count;
    end if;
  end if;
  if v_taken > 0 or v_succeeded > 0 then
    perform {s}.count_1(p_queue, 0, -v_taken, v_taken - v_succeeded, 0, 0, 0, 0, 0, v_succeeded, 0, 0, 0);
  end if;
  if v_taken > 0 and q.rate_limit is not null then
    update {s}.queues set rate_start = q.rate_start, rate_count = q.rate_count + v_taken where id = p_queue;
  end if;
  if q.rate_limit is not null and q.rate_count + v_taken >= q.rate_limit then
    v_again := least(v_again, q.rate_start + q.rate_per_ms * 4096000);
  end if;
  if q.grouped then
    select least(v_again, min(turn)) into v_again from {s}.ring where queue = p_queue and turn > v_now;
  end if;
  -- What this call has made possible for others.
  if (p_ids is not null or p_results is not null or p_holds is not null) and not q.paused and (
    (q.grouped and exists (select from {s}.ring where queue = p_queue and turn <= {s}.stamp()))
    or (p_want = 0 and exists (select from json_to_recordset(p_results) as x(kind text) where kind = 'released'))
    or (q.concurrency is not null and (p_want = 0 or v_taken = p_want))) then
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
  v_head.body := json_build_object('leased', true, 'refused', v_refused,
    'again', case when v_again < 9223372036854775807 then greatest(0, (v_again - {s}.stamp()) >> 12) / 1000.0 end)::text;
  return next v_head;
end $$;
`
