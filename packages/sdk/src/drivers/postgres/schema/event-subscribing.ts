import { PINNED } from './basics.ts'

export const EVENT_SUBSCRIBING = `
create function {s}.event_put_1(p_name text, p_queue int4, p_patterns text[], p_exact text[], p_expression text, p_strict boolean)
returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare v_before boolean;
begin
  insert into {s}.event_subscriptions (name, queue, patterns, exact, expression, in_order)
  values (p_name, p_queue, p_patterns, p_exact, p_expression, p_strict) on conflict (name) do nothing;
  select in_order into v_before from {s}.event_subscriptions where name = p_name for update;
  update {s}.event_subscriptions set queue = p_queue, patterns = p_patterns, exact = p_exact, expression = p_expression,
    in_order = p_strict where name = p_name;
  if v_before <> p_strict then perform {s}.event_regroup_1(p_queue, p_strict); end if;
  perform {s}.event_route_1(false, array(select {s}.event_unrouted_types_1()));
end $$;

create function {s}.event_unrouted_types_1() returns setof text language sql stable as $$
  with recursive t as (
    (select type from {s}.event_unrouted order by type limit 1)
    union all
    select (select u.type from {s}.event_unrouted u where u.type > t.type order by u.type limit 1) from t where t.type is not null
  ) select type from t where type is not null
$$;

-- The group of a delivery; of what is no event, that of events without a key.
create function {s}.event_group_1(p_body text) returns text language plpgsql immutable as $$
begin
  return coalesce('=' || (p_body::json ->> 'key'), '-');
exception when others then
  return '-';
end $$;

-- What waits, also for a retry, goes into groups or out of them, and keeps its order.
create function {s}.event_regroup_1(p_queue int4, p_strict boolean) returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  r record;
  v_lanes int4[];
begin
  if p_strict then
    for r in select distinct {s}.event_group_1(body) as name from {s}.jobs where lane = p_queue and state in (1, 3) order by 1 loop
      perform {s}.lane_1(p_queue, r.name);
    end loop;
    update {s}.details d set due_lane = (select l.id from {s}.jobs j join {s}.lanes l on l.queue = p_queue
      and l.name = {s}.event_group_1(j.body) where j.id = d.id)
    where d.id = any (array(select id from {s}.jobs where lane = p_queue and state = 3));
    with moved as (
      update {s}.jobs j set lane = (select l.id from {s}.lanes l where l.queue = p_queue and l.name = {s}.event_group_1(j.body))
      where j.lane = p_queue and j.state = 1 returning lane
    ) select array_agg(distinct lane) into v_lanes from moved;
    insert into {s}.ring select p_queue, {s}.stamp(), l from unnest(v_lanes) l;
  else
    update {s}.details set due_lane = null where due_lane = any (array(select id from {s}.lanes where queue = p_queue));
    update {s}.jobs set lane = p_queue where lane = any (array(select id from {s}.lanes where queue = p_queue)) and state = 1;
  end if;
  perform pg_notify({s}.channel_of(p_queue), 'w');
end $$;

-- Offsets up to which nothing will appear any more, and the last one drawn (see event-tables.ts). Read in this order: what
-- was drawn by then is visible to the next statement, or its transaction is among the locks.
create function {s}.event_horizon_1(out final int8, out last int8) language plpgsql as $$
begin
  select last_value into last from {s}.event_offsets;
  select min(last - ((last - objid::int8) & 2147483647)) into final from pg_locks
  where locktype = 'advisory' and objsubid = 2 and classid::int8 = (hashtext('{s} events')::int8 & 4294967295)
    and database = (select oid from pg_database where datname = current_database());
  final := coalesce(final, last);
end $$;

-- Drops what is beyond the bounds; delivers and groups what a publisher wrote who did not yet see a change of subscriptions.
create function {s}.event_maintain_1(p_log int8, p_age_ms int8, p_unrouted int8) returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  s {s}.event_subscriptions;
  v_last int8;
  v_now int8 := {s}.stamp();
begin
  select last_value into v_last from {s}.event_offsets;
  delete from {s}.event_log where n = any (array(
    select n from (select n, at from {s}.event_log order by n limit 5000 for update skip locked) old
    where n <= v_last - p_log or at < v_now - p_age_ms * 4096000));
  delete from {s}.event_unrouted where n = any (array(
    select n from {s}.event_unrouted
    where n <= (select n from {s}.event_unrouted order by n desc offset p_unrouted limit 1) order by n limit 5000 for update skip locked));
  perform {s}.event_route_1(false, array(select {s}.event_unrouted_types_1()));
  for s in select * from {s}.event_subscriptions where in_order order by queue loop
    if exists (select from {s}.jobs where lane = s.queue and state = 1) then perform {s}.event_regroup_1(s.queue, true); end if;
  end loop;
end $$;
`
