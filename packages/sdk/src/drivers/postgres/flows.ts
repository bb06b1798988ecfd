import type { ChildLink, KeepPolicy } from '../../queue/driver.ts'
import type { ChildOutcome, RelayMessage } from '../../queue/flow-driver.ts'
import { keepOf } from './exchange.ts'
import { ulidOf, uuidOf } from './ids.ts'
import { STATES } from './read.ts'
import type { Store } from './store.ts'

/** As the functions write them: ids are uuids, the state is a number. */
type StoredMessage =
  | { readonly kind: 'add'; readonly child: ChildLink }
  | {
      readonly kind: 'child-ended'
      readonly parentQueue: string
      readonly parentId: string
      readonly childId: string
      readonly state: number
      readonly value: string | null
    }

export async function relays(store: Store, queue: string, limit: number): Promise<readonly RelayMessage[]> {
  const rows = await store.run({
    text: 'select n, message from {s}.relays where queue = $1 order by n limit $2',
    values: [await store.lookup(queue), limit],
    doing: `read the relays of ${queue}`,
  })
  return rows.map((row) => messageOf(queue, String(row['n']), JSON.parse(String(row['message'])) as StoredMessage))
}

function messageOf(queue: string, id: string, stored: StoredMessage): RelayMessage {
  if (stored.kind === 'add') return { kind: 'add', id, child: stored.child }
  const state = STATES[stored.state] as ChildOutcome['state']
  return {
    kind: 'child-ended',
    id,
    parentQueue: stored.parentQueue,
    parentId: ulidOf(stored.parentId),
    outcome: { queue, childId: ulidOf(stored.childId), state, value: stored.value },
  }
}

export async function relayed(store: Store, queue: string, ids: readonly string[]): Promise<void> {
  await store.run({
    text: 'delete from {s}.relays where queue = $1 and n = any ($2::int8[])',
    values: [await store.lookup(queue), ids],
    doing: `cross off relays of ${queue}`,
  })
}

export async function childEnded(
  store: Store,
  parentQueue: string,
  parentId: string,
  outcome: ChildOutcome,
  tolerant: boolean,
  keep: KeepPolicy,
): Promise<void> {
  await store.run({
    text: 'select {s}.child_ended_1($1::int4, $2::uuid, $3::uuid, $4::text, $5::boolean, $6::int8[])',
    values: [
      await store.lookup(parentQueue),
      uuidOf(parentId),
      uuidOf(outcome.childId),
      JSON.stringify(outcome),
      tolerant || outcome.state === 'succeeded',
      keepOf(keep),
    ],
    doing: `tell job ${parentId} of ${parentQueue} of its child`,
  })
}

export async function children(store: Store, queue: string, id: string): Promise<readonly ChildOutcome[]> {
  const rows = await store.run({
    text: `select outcome from {s}.child_outcomes where parent = $2::uuid and exists (
        select from {s}.jobs j where j.id = $2::uuid and {s}.belongs($1::int4, j.lane)
        union all select from {s}.ended e where e.id = $2::uuid and e.queue = $1::int4)
      order by n`,
    values: [await store.lookup(queue), uuidOf(id)],
    doing: `read the children of job ${id} of ${queue}`,
  })
  return rows.map((row) => JSON.parse(String(row['outcome'])) as ChildOutcome)
}
