import { text } from '../command.ts'
import { CliError } from '../errors.ts'
import type { Session } from '../session.ts'
import { didYouMean } from '../suggest.ts'
import type { QueuePort } from './queue-port.ts'

/** Option of every command on queues. */
export const STORE = text('URL', 'Go straight to this store (redis://… or postgres://…), without a server')

/** Said in the help of every command on queues. */
export const STORE_DETAILS =
  'Without --store: PANDA_QUEUE_URL when it is set, else the store of the project, by the server.'

/** Does something with the queues of the store that is meant, and closes the connection. */
export async function withQueues<T>(
  session: Session,
  store: string | undefined,
  work: (port: QueuePort) => Promise<T>,
): Promise<T> {
  const port = await openPort(session, store)
  try {
    return await work(port)
  } finally {
    await port.close()
  }
}

async function openPort(session: Session, store: string | undefined): Promise<QueuePort> {
  const { project, url, context } = session.globals
  const byServer = project !== undefined || url !== undefined || context !== undefined
  const direct = store ?? (byServer ? undefined : session.io.env['PANDA_QUEUE_URL'])
  if (direct !== undefined && direct !== '') {
    const { storePort } = await import('./store-port.ts')
    return storePort(direct)
  }
  const { serverPort } = await import('./server-port.ts')
  return serverPort(await session.api())
}

/** Does the call; when there is no queue of that name, the error names the ones that are near. */
export async function withNearQueues<T>(port: QueuePort, queue: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof CliError) || !/There is no queue/.test(error.message)) throw error
    const { items } = await port.list().catch(() => ({ items: [] }))
    const hint = didYouMean(
      queue,
      items.map(({ name }) => name),
    )
    throw hint === undefined ? error : error.withHint(hint)
  }
}
