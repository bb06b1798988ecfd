import { text } from '../command.ts'
import { CliError } from '../errors.ts'
import type { Session } from '../session.ts'
import { didYouMean } from '../suggest.ts'
import type { EventPort } from './event-port.ts'

/** Option of every command on events. */
export const BROKER = text('URL', 'Go straight to this broker (amqp://…, postgres://… or redis://…), without a server')

/** Said in the help of every command on events. */
export const BROKER_DETAILS = [
  'Without --broker: PANDA_EVENTS_URL, RABBITMQ_URL or AMQP_URL when one is set, else the broker of the',
  'project, by the server.',
] as const

/** In the SDK's order. Stores that also serve something else are not taken for the broker without being asked. */
const VARIABLES = ['PANDA_EVENTS_URL', 'RABBITMQ_URL', 'AMQP_URL'] as const

/** Does something with the events of the broker that is meant, and closes the connection. */
export async function withEvents<T>(
  session: Session,
  broker: string | undefined,
  work: (port: EventPort) => Promise<T>,
): Promise<T> {
  const port = await openPort(session, broker)
  try {
    return await work(port)
  } finally {
    await port.close()
  }
}

async function openPort(session: Session, broker: string | undefined): Promise<EventPort> {
  const { project, url, context } = session.globals
  const { env } = session.io
  const byServer = project !== undefined || url !== undefined || context !== undefined
  const named = VARIABLES.map((name) => env[name]).find((value) => value !== undefined && value !== '')
  const direct = broker ?? (byServer ? undefined : named)
  if (direct !== undefined) {
    const { brokerPort } = await import('./broker-port.ts')
    return brokerPort(direct, env['PANDA_EVENTS_NAMESPACE'])
  }
  const { serverPort } = await import('./server-port.ts')
  return serverPort(await session.api())
}

/** Does the call; when there is no subscription of that name, the error names the ones that are near. */
export async function withNear<T>(port: EventPort, subscription: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof CliError) || !/no subscription/.test(error.message)) throw error
    const { items } = await port.list().catch(() => ({ items: [] }))
    const names = items.map(({ name }) => name)
    const all = names.length === 0 ? 'There is none yet.' : `There are: ${names.slice(0, 5).join(', ')}.`
    throw error.withHint(didYouMean(subscription, names) ?? all)
  }
}
