/** Functions that the others are made of. Those that a driver calls end in the number of their protocol: older processes go on calling theirs. */

/**
 * Plans must not depend on when statistics were last taken: what is right for an empty table is ruinous for a million
 * rows. Every query here has an index made for it; the settings leave the planner no other choice. Compiling (jit) would
 * cost more than all of it.
 */
export const PINNED = `set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
  set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off`

export const BASICS = `
create function {s}.stamp() returns int8 language sql volatile as
$$ select ((extract(epoch from clock_timestamp()) * 1000000)::int8 - 1577836800000000) << 12 $$;

create function {s}.ms_of(p_seq int8) returns int8 language sql immutable as
$$ select (p_seq >> 12) / 1000 + 1577836800000 $$;

create function {s}.stamp_of(p_ms int8) returns int8 language sql immutable as
$$ select greatest(0, least(p_ms, 3800000000000) * 1000 - 1577836800000000) << 12 $$;

create function {s}.channel_of(p_queue int4) returns text language sql immutable as
$$ select '{channel}' || p_queue $$;

create function {s}.count_1(p_queue int4, p_scheduled int8, p_queued int8, p_running int8, p_retrying int8,
  p_succeeded int8, p_cancelled int8, p_dead int8, p_added int8, p_did int8, p_failed int8, p_died int8, p_crashed int8)
returns void language plpgsql as $$
#variable_conflict use_column
begin
  -- One row per connection, more or less: nobody waits for the commit of another.
  update {s}.counters set scheduled = scheduled + p_scheduled, queued = queued + p_queued, running = running + p_running,
    retrying = retrying + p_retrying, succeeded = succeeded + p_succeeded, cancelled = cancelled + p_cancelled,
    dead = dead + p_dead, total_added = total_added + p_added, total_succeeded = total_succeeded + p_did,
    total_failed = total_failed + p_failed, total_dead = total_dead + p_died, total_crashed = total_crashed + p_crashed
  where queue = p_queue and shard = (pg_backend_pid() & 63);
  if not found then
    insert into {s}.counters as c values (p_queue, pg_backend_pid() & 63, p_scheduled, p_queued, p_running, p_retrying,
      p_succeeded, p_cancelled, p_dead, p_added, p_did, p_failed, p_died, p_crashed)
    on conflict (queue, shard) do update set scheduled = c.scheduled + p_scheduled, queued = c.queued + p_queued,
      running = c.running + p_running, retrying = c.retrying + p_retrying, succeeded = c.succeeded + p_succeeded,
      cancelled = c.cancelled + p_cancelled, dead = c.dead + p_dead, total_added = c.total_added + p_added,
      total_succeeded = c.total_succeeded + p_did, total_failed = c.total_failed + p_failed,
      total_dead = c.total_dead + p_died, total_crashed = c.total_crashed + p_crashed;
  end if;
end $$;

-- The id of a queue, made at its first use.
create function {s}.queue_1(p_name text) returns int4 language plpgsql as $$
declare v_id int4;
begin
  select id into v_id from {s}.queues where name = p_name;
  if v_id is null then
    insert into {s}.queues (name) values (p_name) on conflict (name) do nothing;
    select id into v_id from {s}.queues where name = p_name;
  end if;
  return v_id;
end $$;

-- The lane of a group, made at its first use. Held until the end of the transaction: it is not swept away meanwhile.
create function {s}.lane_1(p_queue int4, p_group text) returns int4 language plpgsql as $$
declare v_id int4;
begin
  loop
    select id into v_id from {s}.lanes where queue = p_queue and name = p_group for key share;
    exit when found;
    insert into {s}.lanes (queue, name) values (p_queue, p_group) on conflict (queue, name) do nothing;
    update {s}.queues set grouped = true where id = p_queue and not grouped;
  end loop;
  return v_id;
end $$;

create function {s}.belongs(p_queue int4, p_lane int4) returns boolean language sql stable as
$$ select p_lane = p_queue or exists (select from {s}.lanes l where l.id = p_lane and l.queue = p_queue) $$;

-- What only few jobs have: made when it is first needed. A job keeps the time at which it was added when its place in the order changes.
create function {s}.detail_1(p_id uuid, p_seq int8) returns void language sql volatile as
$$ insert into {s}.details (id, added) values (p_id, p_seq)
   on conflict (id) do update set added = coalesce(details.added, excluded.added) $$;
`
