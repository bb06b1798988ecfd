import type { TopologyChangeView } from '@pandastack/contract'
import { loadEventSdk } from '../packages.ts'
import { eachOfSdk, withSdk } from '../sdk-error.ts'
import type { EventPort } from './event-port.ts'

/** A person is waiting at the terminal. */
const PATIENCE = '5s'

/** Events of a broker by its URL, without a server. */
export async function brokerPort(url: string, namespace: string | undefined): Promise<EventPort> {
  const { EventAdmin, logPosition } = await loadEventSdk()
  const choice = { url, patience: PATIENCE, ...(namespace !== undefined && { namespace }) }
  const admin = await withSdk(() => new EventAdmin(choice))
  const at = (from: string) => logPosition(from, Date.now())
  return {
    publish: ({ type, data, key, source }) =>
      withSdk(() =>
        admin.publish(type, data, { ...(key !== undefined && { key }), ...(source !== undefined && { source }) }),
      ),
    types: (from) => withSdk(async () => ({ items: await admin.types(at(from)), nextCursor: null })),
    log: ({ from, patterns, follow, signal }) => eachOfSdk(admin.log({ from: at(from), patterns, follow }, signal)),
    list: () => withSdk(async () => ({ items: await admin.subscriptions(), nextCursor: null })),
    get: (name) => withSdk(() => admin.subscription(name)),
    pause: (name, paused) => withSdk(() => admin.pause(name, paused)),
    delete: (name) => withSdk(() => admin.delete(name)),
    replay: (name, from) => withSdk(() => admin.replay(name, at(from))),
    letters: (name, { limit, cursor, type, reason }) =>
      withSdk(() => {
        const filter = { ...(type !== undefined && { type }), ...(reason !== undefined && { reason }) }
        const query = { limit, ...filter, ...(cursor !== undefined && { cursor }) }
        return admin.deadLetters(name, query)
      }),
    letter: (name, id) => withSdk(() => admin.deadLetter(name, id)),
    change: (name, kind, { ids, data }) =>
      withSdk(async () => {
        const change = kind === 'drop' || data === undefined ? { kind } : { kind, data: JSON.stringify(data) }
        return { results: [...(await admin.change(name, ids, change))] }
      }),
    plan: (spec) => withSdk(async () => ({ changes: (await admin.plan(spec)) as TopologyChangeView[] })),
    apply: (spec) => withSdk(async () => ({ changes: (await admin.apply(spec)) as TopologyChangeView[] })),
    close: () => admin.close(),
  }
}
