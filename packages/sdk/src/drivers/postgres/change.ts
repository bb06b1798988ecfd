import type { Change, ChangeOutcome } from '../../queue/driver.ts'
import { bounded } from './exchange.ts'
import { ulidOf, uuidOf } from './ids.ts'
import type { Store } from './store.ts'

export async function change(
  store: Store,
  queue: string,
  ids: readonly string[],
  change: Change,
  signal?: AbortSignal,
): Promise<readonly ChangeOutcome[]> {
  // What is no id of ours names no job of ours.
  const known = ids.filter((id) => uuidOf(id) !== null)
  if (known.length === 0) return ids.map(() => 'not-found')
  const { kind } = change
  const rows = await store.run(
    {
      text: 'select id, outcome from {s}.change_1($1::int4, $2::uuid[], $3::text, $4::text, $5::int2, $6::int8[])',
      values: [await store.lookup(queue), known.map(uuidOf), kind, textOf(change), rankOf(change), keepOf(change)],
      doing: `${kind} jobs of ${queue}`,
    },
    signal,
  )
  const outcomes = new Map(rows.map((row) => [ulidOf(String(row['id'])), row['outcome'] as ChangeOutcome]))
  return ids.map((id) => outcomes.get(id) ?? 'not-found')
}

function textOf(change: Change): string | null {
  if (change.kind === 'cancel') return change.reason
  if (change.kind === 'retry' || change.kind === 'edit') return change.body ?? null
  return null
}

function rankOf(change: Change): number | null {
  return change.kind === 'edit' && change.priority !== undefined ? -change.priority : null
}

function keepOf(change: Change): string | null {
  return change.kind === 'cancel' ? `{${bounded(change.keep.count)},${bounded(change.keep.ageMs)}}` : null
}
