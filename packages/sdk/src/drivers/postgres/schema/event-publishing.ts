import { PINNED } from './basics.ts'

export const EVENT_PUBLISHING = `
-- One transaction: the log, a delivery for each subscription, and what nobody is subscribed to. p_within: in a caller's
-- transaction, which may take long: no counter is locked then, and consumers are woken by its commit. Else that is left to
-- the caller, to whom the queues are told: PostgreSQL lets transactions that notify reach the disk only one by one.
create function {s}.event_publish_1(p_within boolean, p_ids text[], p_heads text[], p_types text[], p_keys text[], p_times int8[],
  p_bodies text[]) returns int4[] language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  s {s}.event_subscriptions;
  v_now int8;
  v_last int8;
  v_new text[];
  v_routed text[] := '{}';
  v_queues int4[] := '{}';
begin
  -- Once in a transaction (see event-tables.ts). Taken before anything is read or drawn.
  if not p_within or coalesce(current_setting('{s}.event_mark', true), '') = '' then
    select last_value into v_last from {s}.event_offsets;
    perform pg_advisory_xact_lock_shared(hashtext('{s} events'), (v_last & 2147483647)::int4);
    if p_within then perform set_config('{s}.event_mark', v_last::text, true); end if;
  end if;
  v_now := {s}.stamp();
  with made as (
    insert into {s}.event_log (n, at, time, id, body)
    select nextval('{s}.event_offsets'), v_now, r.time, r.id, r.body
    from unnest(p_ids, p_times, p_bodies) with ordinality r(id, time, body, place) order by r.place
    on conflict (id) do nothing
    returning id
  ) select array_agg(id) into v_new from made;
  if v_new is null then return v_queues; end if;
  if cardinality(v_new) < cardinality(p_ids) then
    -- Some were published before: the call is repeated.
    select array_agg(id order by n), array_agg(head order by n), array_agg(type order by n), array_agg(key order by n),
      array_agg(body order by n) into p_ids, p_heads, p_types, p_keys, p_bodies
    from (select distinct on (r.id) * from unnest(p_ids, p_heads, p_types, p_keys, p_bodies)
      with ordinality r(id, head, type, key, body, n) where r.id = any (v_new) order by r.id, r.n) x;
  end if;
  -- What was published before anybody was subscribed goes first.
  if exists (select from {s}.event_unrouted where type = any (p_types)) then
    perform {s}.event_route_1(p_within, p_types);
    v_now := {s}.stamp();
  end if;
  for s in select * from {s}.event_subscriptions order by queue loop
    if {s}.event_deliver_1(s, p_within, not p_within, v_now, p_ids, p_heads, p_types, p_keys, p_bodies) > 0 then
      v_queues := v_queues || s.queue;
      v_routed := v_routed || array(select distinct t from unnest(p_types) t
        where t = any (s.exact) or (t || '.') ~ s.expression);
    end if;
  end loop;
  if not p_types <@ v_routed then
    insert into {s}.event_unrouted (n, at, id, head, type, key, body)
    select l.n, v_now, r.id, r.head, r.type, r.key, r.body from unnest(p_ids, p_heads, p_types, p_keys, p_bodies)
      r(id, head, type, key, body) join {s}.event_log l on l.id = r.id where r.type <> all (v_routed);
  end if;
  if p_within then perform pg_notify('{channel}events', ''); end if;
  return v_queues;
end $$;

-- The same with one parameter, which every client library passes on unchanged.
create function {s}.event_publish_within_1(p_events json) returns void language plpgsql as $$
declare
  v_ids text[];
  v_heads text[];
  v_types text[];
  v_keys text[];
  v_times int8[];
  v_bodies text[];
begin
  select array_agg(id order by n), array_agg(head order by n), array_agg(type order by n), array_agg(key order by n),
    array_agg(time order by n), array_agg(body order by n) into v_ids, v_heads, v_types, v_keys, v_times, v_bodies
  from rows from (json_to_recordset(p_events) as (id text, head text, type text, key text, time int8, body text))
    with ordinality as r(id, head, type, key, time, body, n);
  perform {s}.event_publish_1(true, v_ids, v_heads, v_types, v_keys, v_times, v_bodies);
end $$;
`
