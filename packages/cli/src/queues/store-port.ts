import type { JobView, QueueView } from '@pandastack/contract'
import { loadQueueSdk } from '../packages.ts'
import { withSdk as call } from '../sdk-error.ts'
import type { QueuePort } from './queue-port.ts'

/** A person is waiting at the terminal. */
const PATIENCE = '5s'

/** Queues of a store by its URL, without a server. */
export async function storePort(url: string): Promise<QueuePort> {
  const { QueueAdmin } = await loadQueueSdk()
  const admin = await call(() => new QueueAdmin({ url, patience: PATIENCE, allowUnsafeStore: true }))
  return {
    list: () => call(async () => ({ items: (await admin.list()) as QueueView[], nextCursor: null })),
    get: (queue) => call(() => admin.get(queue) as Promise<QueueView>),
    pause: (queue, paused) => call(() => admin.pause(queue, paused) as Promise<QueueView>),
    jobs: (queue, { state, limit, group, cursor }) =>
      call(() =>
        admin.jobs(queue, {
          state,
          limit,
          ...(group !== undefined && { group }),
          ...(cursor !== undefined && { cursor }),
        }),
      ),
    job: (queue, id) => call(() => admin.job(queue, id) as Promise<JobView>),
    logs: (queue, id) => call(() => admin.logs(queue, id)),
    add: (queue, { data, runAt, ...options }) => {
      const at = runAt === undefined ? {} : { runAt: new Date(runAt) }
      const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
      return call(() => admin.add(queue, data, { ...given, ...at }))
    },
    retry: (queue, id, data) => call(() => admin.retry(queue, id, data) as Promise<JobView>),
    cancel: (queue, id, reason) => call(() => admin.cancel(queue, id, reason) as Promise<JobView>),
    drain: (queue) => call(() => admin.drain(queue)),
    redrive: (queue, { ids, reason, limit }) =>
      call(() =>
        admin.redrive(queue, {
          ...(ids !== undefined && { ids }),
          ...(reason !== undefined && { reason }),
          ...(limit !== undefined && { limit }),
        }),
      ),
    close: () => admin.close(),
  }
}
