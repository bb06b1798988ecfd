import { PINNED } from './basics.ts'

export const GLANCING = `
-- What there is to do in these queues that no job asks for; reads only. A worker that is gone is of interest when it is
-- old enough to be forgotten, or when a claim of it was committed after its end.
create function {s}.glance_1(p_queues int4[])
returns table (queue int4, queued boolean, relays boolean, schedules boolean, maintain boolean, again float8)
language plpgsql ${PINNED} as $$
#variable_conflict use_column
declare
  v_now int8 := {s}.stamp();
  v_ms int8 := {s}.ms_of(v_now);
begin
  return query
    select u,
      exists (select from {s}.jobs where lane = u and state = 1)
        or exists (select from {s}.ring r where r.queue = u and r.turn <= v_now),
      exists (select from {s}.relays r where r.queue = u),
      exists (select from {s}.schedules c where c.queue = u and c.due_at <= v_ms),
      exists (select from {s}.jobs where lane = u and state in (0, 3) and seq <= v_now)
        or exists (select from {s}.workers w where w.queue = u and w.lease_until <= v_now and (not w.gone
          or w.lease_until < v_now - 60000::int8 * 4096000
          or exists (select from {s}.jobs j where j.worker = w.no and j.state = 2)))
        or exists (select from {s}.ended e where e.queue = u and e.expires <= v_now)
        or exists (select from {s}.keys k where k.queue = u and k.expires <= v_now)
        or exists (select from {s}.counter_changes c where c.queue = u)
        or exists (select from {s}.lanes l where l.queue = u),
      case when n.first < 9223372036854775807 then ((n.first - v_now) >> 12) / 1000.0::float8 end
    from unnest(p_queues) u, lateral (select least(
      (select seq from {s}.jobs where lane = u and state in (0, 3) and seq > v_now order by seq limit 1),
      (select min(w.lease_until) from {s}.workers w where w.queue = u and not w.gone and w.lease_until > v_now),
      (select min(e.expires) from {s}.ended e where e.queue = u and e.expires > v_now),
      (select {s}.stamp_of(c.due_at) from {s}.schedules c where c.queue = u and c.due_at > v_ms order by c.due_at limit 1)
    ) as first) n;
end $$;
`
