import { connect } from 'node:net'
import type { StoreVariable, StoreWarning } from '@pandastack/contract'
import { checkUrl, PandaError as SdkError, type SdkErrorCode } from '@pandastack/sdk/events'
import { schemesOf, storeAddress } from './store-address.ts'

/** For one store, in ms; all are asked at the same time. */
const TIMEOUT_MS = 3_000

type Finding = Omit<StoreWarning, 'name'>

/**
 * Asks the stores that these variables name whether they can be used, from where the server stands, which is near the
 * containers.
 *
 * Whoever may write the project's variables chooses where the server calls. So it only says the kind of failure, in our own
 * sentences: no banner, no version, no text of what answered, no name of a database, and never the password.
 */
export async function checkStores(
  variables: Readonly<Partial<Record<StoreVariable, string>>>,
  timeoutMs = TIMEOUT_MS,
): Promise<StoreWarning[]> {
  const found = await Promise.all(
    Object.entries(variables).map(async ([key, value]) => {
      const name = key as StoreVariable
      return (await checkStore(name, value, timeoutMs)).map((finding) => ({ name, ...finding }))
    }),
  )
  return found.flat()
}

async function checkStore(name: StoreVariable, value: string, timeoutMs: number): Promise<Finding[]> {
  const address = storeAddress(name, value)
  if (address === null)
    return [trouble('invalid-url', `it is no address of such a store: ${schemesOf(name)}`, WRITE_URL)]
  const startedAt = performance.now()
  const why = await whyUnreachable(address, timeoutMs)
  if (why !== null) return [trouble('unreachable', `the server cannot reach it: ${why}`, REACH)]
  try {
    const left = Math.max(1, timeoutMs - (performance.now() - startedAt))
    const problems = await checkUrl(address.url, { timeoutMs: left })
    return problems.map(({ setting }) => losesData(setting))
  } catch (error) {
    if (!(error instanceof SdkError)) throw error
    return [OF_CODE[error.code] ?? trouble('unusable', 'it cannot be used', 'Try it with a client of its own.')]
  }
}

const WRITE_URL =
  'Write it as scheme://user:password@host:port/name; special characters of user and password as %XX, options are not read.'
const REACH = 'Check host and port, that it runs, and that it listens where the server and the containers can reach it.'

function trouble(kind: Finding['trouble'], message: string, hint: string): Finding {
  return { trouble: kind, setting: null, message, hint }
}

const OF_CODE: Partial<Record<SdkErrorCode, Finding>> = {
  store_away: trouble('unreachable', 'something is there, but it does not answer as such a store', REACH),
  unauthorized: trouble('login-refused', 'the login was refused', 'Check user name and password in the URL.'),
  no_permission: trouble('login-refused', 'the user may not use it', 'Give this user its rights.'),
  wrong_namespace: trouble(
    'namespace-missing',
    'the database or vhost does not exist, or the user may not use it',
    'Create it, permit the user, or correct the path of the URL; the vhost "/" is written %2F.',
  ),
  read_only: trouble('read-only', 'it takes no writes: a replica, or read-only for this user', 'Name the primary.'),
  unsupported_version: trouble(
    'too-old',
    'its version is too old',
    'Use Redis 7.0, PostgreSQL 13 or RabbitMQ 3.10, or newer.',
  ),
  invalid_url: trouble('invalid-url', 'the address cannot be read', WRITE_URL),
}

const LOSSES: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  appendonly: [
    'it writes no append-only file, or does not tell: a crash or restart loses every job since its last snapshot',
    'Set "appendonly yes".',
  ],
  appendfsync: [
    'it never syncs its file: a crash of the machine loses up to half a minute',
    'Set "appendfsync everysec".',
  ],
  'maxmemory-policy': [
    'it deletes whole queues silently when its memory is full, or does not tell',
    'Set "maxmemory-policy noeviction".',
  ],
  fsync: ['a crash of the machine can lose jobs and damage the database', 'Set fsync = on.'],
  synchronous_commit: [
    'a crash of the server can lose jobs of the last moments that were acknowledged',
    'Set synchronous_commit = on.',
  ],
  full_page_writes: ['a crash of the machine can damage the database', 'Set full_page_writes = on.'],
}

function losesData(setting: string): Finding {
  const [message, hint] = LOSSES[setting] ?? ['a setting of it can lose data', `Look at ${setting}.`]
  return { trouble: 'loses-data', setting, message: `${setting}: ${message}`, hint }
}

/** Before the client's own attempts, which repeat and know fewer reasons. @returns null when something takes the connection */
async function whyUnreachable(
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (why: string | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(why)
    }
    const timer = setTimeout(() => end(`no answer within ${Math.round(timeoutMs / 1000)} s`), timeoutMs)
    socket.once('connect', () => end(null))
    socket.on('error', (error: NodeJS.ErrnoException) => end(REASONS[error.code ?? ''] ?? 'there is no way to it'))
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name is not known',
  ECONNREFUSED: 'nothing listens there',
  ETIMEDOUT: 'no answer',
}
