import { PandaError } from '../errors.ts'

export type BrokerKind = 'rabbitmq' | 'postgres' | 'redis' | 'memory'

export interface BrokerUrl {
  readonly kind: BrokerKind
  readonly url: string
}

const SCHEMES: Readonly<Record<string, BrokerKind>> = {
  'amqp:': 'rabbitmq',
  'amqps:': 'rabbitmq',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'redis:': 'redis',
  'rediss:': 'redis',
  'valkey:': 'redis',
  'valkeys:': 'redis',
  'memory:': 'memory',
}

/** In this order: the database before Redis, which can lose what it has acknowledged. */
const VARIABLES = ['PANDA_EVENTS_URL', 'RABBITMQ_URL', 'AMQP_URL', 'DATABASE_URL', 'REDIS_URL'] as const
const HINT = `Set ${VARIABLES.slice(0, -1).join(', ')} or ${String(VARIABLES.at(-1))}, or pass \`url\`.`

/**
 * Where the events are: the given URL, else PANDA_EVENTS_URL, RABBITMQ_URL, AMQP_URL, DATABASE_URL, REDIS_URL.
 * @throws PandaError no_store, invalid_url
 */
export function findBrokerUrl(given: string | undefined, env: NodeJS.ProcessEnv = process.env): BrokerUrl {
  if (given !== undefined) return read(given, 'url')
  for (const name of VARIABLES) {
    const value = env[name]
    if (value !== undefined && value !== '') return read(value, name)
  }
  throw new PandaError('no_store', `No broker is known: none of ${VARIABLES.join(', ')} is set`, { hint: HINT })
}

/** The password never gets into a message: only the scheme is shown. */
function read(text: string, source: string): BrokerUrl {
  const hint = { hint: 'Use amqp://user:password@host:5672/vhost, postgres://…, redis://… or memory:.' }
  if (!URL.canParse(text)) throw new PandaError('invalid_url', `${source} is not a URL`, hint)
  const { protocol } = new URL(text)
  const kind = SCHEMES[protocol]
  if (kind !== undefined) return { kind, url: text }
  throw new PandaError('invalid_url', `${source} begins with ${protocol}, which is no known broker`, hint)
}
