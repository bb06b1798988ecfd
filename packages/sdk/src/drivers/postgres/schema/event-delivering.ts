import { PINNED } from './basics.ts'

export const EVENT_DELIVERING = `
create function {s}.event_matches_1(s {s}.event_subscriptions, p_type text) returns boolean language sql immutable as
$$ select p_type = any (s.exact) or coalesce((p_type || '.') ~ s.expression, false) $$;

-- Deliveries for one subscription of those events that it matches. p_now: orders them, with their place in the arrays.
-- p_quiet: who calls wakes the consumers when it has committed.
create function {s}.event_deliver_1(s {s}.event_subscriptions, p_within boolean, p_quiet boolean, p_now int8, p_ids text[], p_heads text[],
  p_types text[], p_keys text[], p_bodies text[]) returns int4 language plpgsql as $$
#variable_conflict use_column
declare
  v_count int4;
  v_lanes int4[];
begin
  if not s.in_order then
    insert into {s}.jobs (id, seq, lane, state, rank, rare, body)
    select (r.head || substr(md5(r.id || ' ' || s.name), 1, 20))::uuid, p_now + r.n, s.queue, 1, 0, false, r.body
    from unnest(p_ids, p_heads, p_types, p_bodies) with ordinality r(id, head, type, body, n)
    where r.type = any (s.exact) or (r.type || '.') ~ s.expression
    on conflict (id) do nothing;
    get diagnostics v_count = row_count;
  else
    perform {s}.event_lanes_1(s, p_types, p_keys);
    with made as (
      insert into {s}.jobs (id, seq, lane, state, rank, rare, body)
      select (r.head || substr(md5(r.id || ' ' || s.name), 1, 20))::uuid, p_now + r.n,
        (select l.id from {s}.lanes l where l.queue = s.queue and l.name = coalesce('=' || r.key, '-')), 1, 0, false, r.body
      from unnest(p_ids, p_heads, p_types, p_keys, p_bodies) with ordinality r(id, head, type, key, body, n)
      where r.type = any (s.exact) or (r.type || '.') ~ s.expression
      on conflict (id) do nothing
      returning lane
    ) select count(*), array_agg(distinct lane) into v_count, v_lanes from made;
    insert into {s}.ring select s.queue, p_now, l from unnest(v_lanes) l;
  end if;
  if v_count > 0 then
    if p_within then
      insert into {s}.counter_changes values (s.queue, 0, v_count);
    else
      perform {s}.count_1(s.queue, 0, v_count, 0, 0, 0, 0, 0, v_count, 0, 0, 0, 0);
    end if;
    if not p_quiet then perform pg_notify({s}.channel_of(s.queue), 'w'); end if;
  end if;
  return v_count;
end $$;

-- The lanes of these keys, held until the end of the transaction. Always in the same order: nobody waits for whom waits for him.
create function {s}.event_lanes_1(s {s}.event_subscriptions, p_types text[], p_keys text[]) returns void
language plpgsql as $$
declare r record;
begin
  for r in select distinct coalesce('=' || x.key, '-') as name from unnest(p_types, p_keys) x(type, key)
      where {s}.event_matches_1(s, x.type) order by 1 loop
    perform {s}.lane_1(s.queue, r.name);
  end loop;
end $$;

-- The same on its own, before a caller's transaction, so that no two of those wait for each other.
create function {s}.event_prepare_1(p_types text[], p_keys text[]) returns void language plpgsql as $$
declare s {s}.event_subscriptions;
begin
  for s in select * from {s}.event_subscriptions where in_order order by queue loop
    perform {s}.event_lanes_1(s, p_types, p_keys);
  end loop;
end $$;

-- Unrouted events of these types, oldest first, to whoever is subscribed to them by now.
create function {s}.event_route_1(p_within boolean, p_types text[]) returns void language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  s {s}.event_subscriptions;
  v_type text;
  v_ids text[];
  v_heads text[];
  v_types text[];
  v_keys text[];
  v_bodies text[];
  v_now int8;
begin
  for v_type in select distinct t from unnest(p_types) t order by 1 loop
    continue when not exists (select from {s}.event_subscriptions s where {s}.event_matches_1(s, v_type));
    loop
      with taken as (
        delete from {s}.event_unrouted where n = any (array(
          select n from {s}.event_unrouted where type = v_type order by n limit 1000 for update skip locked))
        returning n, id, head, type, key, body
      ) select array_agg(id order by n), array_agg(head order by n), array_agg(type order by n), array_agg(key order by n),
        array_agg(body order by n) into v_ids, v_heads, v_types, v_keys, v_bodies from taken;
      exit when v_ids is null;
      v_now := {s}.stamp();
      for s in select * from {s}.event_subscriptions order by queue loop
        perform {s}.event_deliver_1(s, p_within, false, v_now, v_ids, v_heads, v_types, v_keys, v_bodies);
      end loop;
    end loop;
  end loop;
end $$;
`
