import { PINNED } from './basics.ts'

export const LEASING = `
-- Makes or prolongs a lease. Answers with the queues where it had none, and the running jobs whose cancellation was asked for.
create function {s}.renew_1(p_queues int4[], p_worker text, p_about text, p_lease_ms int8)
returns table (queue int4, id uuid) language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  v_queue int4;
  v_now int8 := {s}.stamp();
begin
  -- Always in the same order: two processes do not wait for each other.
  for v_queue in select u from unnest(p_queues) u order by u loop
    update {s}.workers set lease_until = v_now + p_lease_ms * 4096000, about = p_about
    where queue = v_queue and id = p_worker and not gone;
    if not found then
      insert into {s}.workers as w (queue, id, about, lease_until) values (v_queue, p_worker, p_about, v_now + p_lease_ms * 4096000)
      on conflict (queue, id) where not gone do update set lease_until = excluded.lease_until;
      queue := v_queue;
      id := null;
      return next;
    end if;
  end loop;
  if exists (select from {s}.details where cancel_reason is not null) then
    return query
      select w.queue, d.id from {s}.details d join {s}.jobs j on j.id = d.id and j.state = 2 join {s}.workers w on w.no = j.worker
      where d.cancel_reason is not null and w.queue = any (p_queues) and w.id = p_worker and not w.gone;
  end if;
end $$;

-- Running jobs of a lease go back, all but p_but, in the order in which they were claimed. With p_most_crashes each has one
-- crash more, and is dead when it has so many. Answers with how many there were, and how many are dead.
create function {s}.take_back_1(p_queue int4, p_no int4, p_most_crashes int4, p_but uuid[], p_keep int8[])
returns int4[] language plpgsql as $$
#variable_conflict use_column
declare
  j {s}.jobs;
  v_now int8 := {s}.stamp();
  v_lanes int4[] := '{}';
  v_state int4;
  v_all int4 := 0;
  v_back int4 := 0;
  v_ended int4[] := '{0,0,0}';
  v_kept int4[] := '{0,0,0}';
begin
  for j in select * from {s}.jobs where worker = p_no and state = 2 and (p_but is null or id <> all (p_but))
      order by fence, rank, seq for update skip locked loop
    v_all := v_all + 1;
    if j.lane <> p_queue then v_lanes := v_lanes || j.lane; end if;
    v_state := {s}.hand_back_1(p_queue, j, v_all - v_now, p_most_crashes, p_keep);
    if v_state = 1 then
      v_back := v_back + 1;
    else
      v_ended[v_state % 10 - 3] := v_ended[v_state % 10 - 3] + 1;
      if v_state > 10 then v_kept[v_state % 10 - 3] := v_kept[v_state % 10 - 3] + 1; end if;
    end if;
  end loop;
  if v_all > 0 then
    perform {s}.tally_1(p_queue, v_back, -v_all, 0, v_ended, v_kept, 0, case when p_most_crashes > 0 then v_all else 0 end, p_keep);
    if v_lanes <> '{}' then perform {s}.free_1(p_queue, v_lanes); end if;
    perform pg_notify({s}.channel_of(p_queue), 'w');
  end if;
  return array[v_all, v_ended[3]];
end $$;

create function {s}.leave_1(p_queues int4[], p_worker text, p_keep int8[]) returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare w {s}.workers;
begin
  for w in update {s}.workers set gone = true, lease_until = least(lease_until, {s}.stamp())
      where queue = any (p_queues) and id = p_worker and not gone returning * loop
    perform {s}.take_back_1(w.queue, w.no, 0, null, p_keep);
  end loop;
end $$;

-- Groups that nobody uses any more, found by looking at some of all at each call. A group without jobs that somebody is
-- adding to is held by him (see lane_1), so what cannot be locked is in use.
create function {s}.sweep_1(q {s}.queues) returns void language plpgsql as $$
#variable_conflict use_column
declare
  v_id int4;
  v_now int8 := {s}.stamp();
  v_from int4;
begin
  select (min(id) + random() * (max(id) - min(id)))::int4 - 50 into v_from from {s}.lanes where queue = q.id;
  for v_id in select id from (select id, running, rate_start from {s}.lanes where queue = q.id and id >= v_from order by id limit 100) l
      where running = 0 and (q.group_rate_limit is null or rate_start + q.group_rate_per_ms * 4096000 <= v_now)
        and not exists (select from {s}.jobs where lane = l.id and state = 1)
        and not exists (select from {s}.details where due_lane = l.id) loop
    perform from {s}.lanes where id = v_id and running = 0 for update skip locked;
    continue when not found;
    continue when exists (select from {s}.jobs where lane = v_id and state = 1);
    continue when exists (select from {s}.details where due_lane = v_id);
    delete from {s}.ring where lane = v_id;
    delete from {s}.lanes where id = v_id;
  end loop;
end $$;

create function {s}.maintain_1(p_queue int4, p_most_crashes int4, p_keep int8[])
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
  v_old uuid[];
  v_pair int8[];
begin
  recovered := 0;
  dead := 0;
  for w in select * from {s}.workers where queue = p_queue and lease_until <= v_now for update skip locked loop
    v_sums := {s}.take_back_1(p_queue, w.no, p_most_crashes, null, p_keep);
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
  select array_agg(id) into v_old from (select id from {s}.ended where queue = p_queue and expires <= v_now
    order by expires limit 2000 for update skip locked) old;
  if v_old is not null then
    v_more := v_more or cardinality(v_old) = 2000;
    perform {s}.forget_1(p_queue, v_old);
  end if;
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
  select * into q from {s}.queues where id = p_queue;
  if q.grouped then perform {s}.sweep_1(q); end if;
  select seq into v_next from {s}.jobs where lane = p_queue and state in (0, 3) order by seq limit 1;
  select least(v_next, min(lease_until)) into v_next from {s}.workers where queue = p_queue and not gone and lease_until > v_now;
  select least(v_next, min(expires)) into v_next from {s}.ended where queue = p_queue and expires > v_now;
  again := case when v_more then 0 when v_next < 9223372036854775807 then greatest(0, (v_next - {s}.stamp()) >> 12) / 1000.0 end;
  return next;
end $$;
`
