import type { JobView, QueueView } from '@pandastack/contract'
import type { SdkErrorCode } from '@pandastack/sdk/queue'
import { CliError, isForPeople } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { loadQueueSdk } from '../packages.ts'
import type { QueuePort } from './queue-port.ts'

/** A person is waiting at the terminal. */
const PATIENCE = '5s'

async function call<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asCliError(error)
  }
}

/** Queues of a store by its URL, without a server. */
export async function storePort(url: string): Promise<QueuePort> {
  const { QueueAdmin } = await loadQueueSdk()
  const admin = told(() => new QueueAdmin({ url, patience: PATIENCE, allowUnsafeStore: true }))
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

function told<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw asCliError(error)
  }
}

const EXIT_CODES: Partial<Record<SdkErrorCode, ExitCode>> = {
  no_store: EXIT.usage,
  invalid_url: EXIT.usage,
  invalid_option: EXIT.usage,
  invalid_payload: EXIT.usage,
  not_json: EXIT.usage,
  payload_too_large: EXIT.usage,
  queue_not_found: EXIT.notFound,
  job_not_found: EXIT.notFound,
  unauthorized: EXIT.access,
  read_only: EXIT.access,
  store_away: EXIT.unreachable,
}

function asCliError(error: unknown): unknown {
  if (!isForPeople(error)) return error
  const { code, message, hint } = error
  return new CliError(message, { code, hint, exitCode: EXIT_CODES[code as SdkErrorCode] ?? EXIT.failed, cause: error })
}
