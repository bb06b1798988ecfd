import { PandaError } from '../errors.ts'

export type StoreKind = 'redis' | 'postgres' | 'memory'

export interface StoreUrl {
  readonly kind: StoreKind
  readonly url: string
}

const SCHEMES: Readonly<Record<string, StoreKind>> = {
  'redis:': 'redis',
  'rediss:': 'redis',
  'valkey:': 'redis',
  'valkeys:': 'redis',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'memory:': 'memory',
}

/** In this order. */
const VARIABLES: readonly string[] = ['PANDA_QUEUE_URL', 'REDIS_URL', 'DATABASE_URL']

/**
 * Where the jobs are kept: the given URL, else PANDA_QUEUE_URL, else REDIS_URL, else DATABASE_URL.
 * @param variables others, in their order
 * @throws PandaError no_store, invalid_url
 */
export function findStoreUrl(
  given: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
  variables: readonly string[] = VARIABLES,
): StoreUrl {
  if (given !== undefined) return readStoreUrl(given, 'url')
  for (const name of variables) {
    const value = env[name]
    if (value !== undefined && value !== '') return readStoreUrl(value, name)
  }
  throw new PandaError('no_store', `No store is known for the queue: none of ${variables.join(', ')} is set`)
}

/** The password never gets into a message: only the scheme is shown. */
export function readStoreUrl(text: string, source: string): StoreUrl {
  if (!URL.canParse(text)) throw new PandaError('invalid_url', `${source} is not a URL`)
  const { protocol } = new URL(text)
  const kind = SCHEMES[protocol]
  if (kind === undefined)
    throw new PandaError('invalid_url', `${source} begins with ${protocol}, which is no known store`)
  return { kind, url: text }
}
