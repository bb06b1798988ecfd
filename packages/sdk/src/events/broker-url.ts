import { PandaError } from '../errors.ts'

export interface BrokerUrl {
  readonly kind: 'rabbitmq'
  readonly url: string
}

/** In this order. */
const VARIABLES = ['PANDA_EVENTS_URL', 'RABBITMQ_URL', 'AMQP_URL'] as const
const HINT = `Set ${VARIABLES.join(' or ')}, or pass \`url\`.`

/**
 * Where the broker is: the given URL, else PANDA_EVENTS_URL, else RABBITMQ_URL, else AMQP_URL.
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
  const hint = { hint: 'Use amqp://user:password@host:5672/vhost, or amqps://….' }
  if (!URL.canParse(text)) throw new PandaError('invalid_url', `${source} is not a URL`, hint)
  const { protocol } = new URL(text)
  if (protocol === 'amqp:' || protocol === 'amqps:') return { kind: 'rabbitmq', url: text }
  throw new PandaError('invalid_url', `${source} begins with ${protocol}, which is no known broker`, hint)
}
