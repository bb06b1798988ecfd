/**
 * Image references by the grammar of the distribution project (github.com/distribution/reference, grammar in
 * reference.go): `[domain/]path[:tag][@digest]`. Parsed once at the edge, so that no engine ever sees a string that
 * could be read as an option or as another reference.
 */
export interface ImageReference {
  /** Registry host with port; `docker.io` when none is named. */
  readonly registry: string
  /** Repository path below the registry, `library/` added for official images. */
  readonly repository: string
  /** `latest` when neither tag nor digest is given; null when only a digest is. */
  readonly tag: string | null
  readonly digest: string | null
}

const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::\d{1,5})?$/
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,128}$/
/** The distribution project's limit for a repository name. */
const MAX_NAME_LENGTH = 255

/** @throws RangeError with the part that is wrong. */
export function parseImageReference(text: string): ImageReference {
  if (text === '') throw new RangeError('the image reference is empty')
  if (text.length > 512) throw new RangeError('the image reference is longer than 512 characters')
  const at = text.indexOf('@')
  const digest = at === -1 ? null : text.slice(at + 1)
  if (digest !== null && !DIGEST.test(digest))
    throw new RangeError(`the digest "${digest.slice(0, 80)}" is not algorithm:hex`)
  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const tag = hasTag ? named.slice(colon + 1) : null
  if (tag !== null && !TAG.test(tag)) throw new RangeError(`the tag "${tag.slice(0, 80)}" is not valid`)
  const { registry, repository } = parseName(hasTag ? named.slice(0, colon) : named)
  return { registry, repository, tag: tag ?? (digest === null ? 'latest' : null), digest }
}

function parseName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  // A first part is a host only if it could not be a path part of Docker Hub (the reference parser's own rule).
  const hasDomain = first !== '' && (/[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  const domain = hasDomain ? first : 'docker.io'
  const path = hasDomain ? name.slice(slash + 1) : name
  if (hasDomain && !DOMAIN.test(domain)) throw new RangeError(`the registry "${domain.slice(0, 80)}" is not a host`)
  if (name.length > MAX_NAME_LENGTH)
    throw new RangeError(`the repository name is longer than ${MAX_NAME_LENGTH} characters`)
  for (const part of path.split('/')) {
    if (!PATH_PART.test(part))
      throw new RangeError(`the repository part "${part.slice(0, 80)}" may only hold a-z, 0-9 and . _ - between them`)
  }
  const official = domain === 'docker.io' && !path.includes('/')
  const registry = domain === 'index.docker.io' ? 'docker.io' : domain
  return { registry, repository: official ? `library/${path}` : path }
}

/** The full form, e.g. `docker.io/library/redis:7`. Parsing it again gives the same reference. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`
  const digest = reference.digest === null ? '' : `@${reference.digest}`
  return `${reference.registry}/${reference.repository}${tag}${digest}`
}
