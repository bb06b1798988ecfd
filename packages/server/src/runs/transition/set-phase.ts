import type { Phase } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'
import { type Fenced, stillRunning } from './fenced.ts'

export interface PhaseChange extends Fenced {
  readonly phase: Phase
}

/** @returns per item whether it is still ours */
export async function setPhases(db: Queryable, items: readonly PhaseChange[]): Promise<boolean[]> {
  const { rows } = await sql<{ id: string }>`
    update runs r set phase = i.phase
    from unnest(
      ${items.map((item) => item.id)}::text[], ${items.map((item) => item.fence)}::int[],
      ${items.map((item) => item.phase)}::text[]
    ) as i (id, fence, phase)
    where r.id = i.id and r.fence = i.fence and ${stillRunning}
    returning r.id`.execute(db)
  const kept = new Set(rows.map((row) => row.id))
  return items.map((item) => kept.has(item.id))
}
