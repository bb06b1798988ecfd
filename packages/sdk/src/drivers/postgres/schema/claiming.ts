/**
 * A claim whose commit does not wait for the disk. After a crash of the server it may be gone, and with it its fence: the
 * job waits as if it had never been claimed, and whoever had it has his result refused. What was committed after it and is
 * on the disk never goes without it. So nobody is misled but by what a claim says beyond its own job: not under limits of
 * the queue, and not for jobs that have a place in a group, or crashes that must not be forgotten.
 */
export const CLAIMING = `
create function {s}.claim_1(p_queue int4, p_worker text, p_want int4, p_floor_rank int2, p_floor_seq int8, p_groups_first boolean)
returns setof {s}.claimed_1 language plpgsql as $$
#variable_conflict use_column
declare v_all {s}.claimed_1[];
begin
  v_all := array(select c from {s}.exchange_1(p_queue, p_worker, p_want, null, null, null, null, null, null, p_floor_rank,
    p_floor_seq, p_groups_first) c);
  if not exists (select from unnest(v_all) where rare is not null)
    and not exists (select from {s}.queues where id = p_queue and limited) then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return query select * from unnest(v_all);
end $$;
`
