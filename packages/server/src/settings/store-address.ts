import type { StoreVariable } from '@pandastack/contract'

export interface StoreAddress {
  readonly host: string
  readonly port: number
  /** What is left of the URL for the check. */
  readonly url: string
}

interface Scheme {
  readonly port: number
  /** Who has no name is asked for as this one: never as the server's own user. */
  readonly user: string
  readonly keeps: readonly string[]
}

const POSTGRES: Scheme = { port: 5432, user: 'postgres', keeps: ['sslmode', 'application_name'] }
const REDIS: Scheme = { port: 6379, user: '', keeps: [] }
const SCHEMES: Readonly<Record<string, Scheme>> = {
  'postgres:': POSTGRES,
  'postgresql:': POSTGRES,
  'redis:': REDIS,
  'rediss:': REDIS,
  'valkey:': REDIS,
  'valkeys:': REDIS,
  'amqp:': { port: 5672, user: 'guest', keeps: [] },
  'amqps:': { port: 5671, user: 'guest', keeps: [] },
}
const FAMILIES = {
  postgres: ['postgres:', 'postgresql:'],
  redis: ['redis:', 'rediss:', 'valkey:', 'valkeys:'],
} as const
const RABBIT = ['amqp:', 'amqps:']
const TAKES: Readonly<Record<StoreVariable, readonly string[]>> = {
  DATABASE_URL: FAMILIES.postgres,
  REDIS_URL: FAMILIES.redis,
  RABBITMQ_URL: RABBIT,
  AMQP_URL: RABBIT,
  PANDA_QUEUE_URL: [...FAMILIES.postgres, ...FAMILIES.redis],
  PANDA_EVENTS_URL: [...RABBIT, ...FAMILIES.postgres, ...FAMILIES.redis],
}

/** What begins the URL of this variable, e.g. `redis:// or rediss://`. */
export function schemesOf(name: StoreVariable): string {
  return TAKES[name].map((scheme) => `${scheme}//`).join(', ')
}

/**
 * The address of a tenant's store, as the server may call it. Options in the URL go, but for `sslmode` and
 * `application_name`: with others the clients would read files of the server, or call another host than the one that is
 * seen. A password that is left out is not taken from the server's environment or its files. Control characters in user,
 * password or path could speak another protocol.
 *
 * @returns null when it is no address of such a store
 */
export function storeAddress(name: StoreVariable, text: string): StoreAddress | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  const scheme = SCHEMES[url.protocol]
  if (scheme === undefined || !TAKES[name].includes(url.protocol) || url.hostname === '') return null
  if ([url.username, url.password, url.pathname].some(holdsControl)) return null
  for (const option of new URLSearchParams(url.search).keys()) {
    if (!scheme.keeps.includes(option)) url.searchParams.delete(option)
  }
  url.hash = ''
  if (scheme.user !== '' && url.username === '') url.username = scheme.user
  if (scheme === POSTGRES && url.password === '') url.password = 'none'
  if (url.protocol.startsWith('amqp') && url.password === '') url.password = 'guest'
  const port = url.port === '' ? scheme.port : Number(url.port)
  return { host: url.hostname.replaceAll(/^\[|\]$/g, ''), port, url: url.href }
}

function holdsControl(part: string): boolean {
  try {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    return /[\u0000-\u001f\u007f]/.test(decodeURIComponent(part))
  } catch {
    return true // a % that stands for nothing
  }
}
