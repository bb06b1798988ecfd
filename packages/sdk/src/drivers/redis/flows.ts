/** What a queue has to tell others waits in `rl` (order) and `rm` (messages) until it is carried over. */
import type { ChildLink, KeepPolicy } from '../../queue/driver.ts'
import type { ChildOutcome, RelayMessage } from '../../queue/flow-driver.ts'
import { keepArgument } from './exchange.ts'
import { childEndedScript } from './lua/flows.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const ending = new Script(childEndedScript)

type Stored = ['a', ChildLink] | ['e', string, string, string, ChildOutcome['state'], string | null]

export async function relays(store: Store, queue: string, limit: number): Promise<readonly RelayMessage[]> {
  const prefix = store.prefixOf(queue)
  return store.connection.call(async (redis) => {
    const ids = await redis.zrange(`${prefix}rl`, '0', String(limit - 1))
    if (ids.length === 0) return []
    const texts = await redis.hmget(`${prefix}rm`, ...ids)
    // Another process may have crossed some off in between.
    return ids.flatMap((id, index) => {
      const text = texts[index]
      return typeof text === 'string' ? [toMessage(queue, id, JSON.parse(text) as Stored)] : []
    })
  })
}

function toMessage(queue: string, id: string, stored: Stored): RelayMessage {
  if (stored[0] === 'a') return { kind: 'add', id, child: stored[1] }
  const [, parentQueue, parentId, childId, state, value] = stored
  return { kind: 'child-ended', id, parentQueue, parentId, outcome: { queue, childId, state, value } }
}

export async function relayed(store: Store, queue: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const prefix = store.prefixOf(queue)
  await store.connection.call(async (redis) =>
    Promise.all([redis.zrem(`${prefix}rl`, ...ids), redis.hdel(`${prefix}rm`, ...ids)]),
  )
}

export async function childEnded(
  store: Store,
  parentQueue: string,
  parentId: string,
  outcome: ChildOutcome,
  tolerant: boolean,
  keep: KeepPolicy,
): Promise<void> {
  const isFatal = outcome.state !== 'succeeded' && !tolerant
  const what = [parentId, outcome.childId, JSON.stringify(outcome), isFatal ? '1' : '', keepArgument(keep)]
  await store.run(ending, parentQueue, what)
}

export async function children(store: Store, queue: string, id: string): Promise<readonly ChildOutcome[]> {
  const key = `${store.prefixOf(queue)}kids:${id}`
  const entries = await store.connection.call(async (redis) => redis.hvals(key))
  return entries
    .filter((text) => text !== '')
    .map((text) => {
      const end = text.indexOf(':')
      return { order: Number(text.slice(0, end)), outcome: JSON.parse(text.slice(end + 1)) as ChildOutcome }
    })
    .toSorted((a, b) => a.order - b.order)
    .map(({ outcome }) => outcome)
}
