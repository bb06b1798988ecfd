import { PandaError } from '@pandastack/contract'

/** `"7"`: the revision of a cronjob. */
export function etagOf(revision: number): string {
  return `"${revision}"`
}

/**
 * The revision that the caller has read; undefined when it does not care.
 *
 * @throws PandaError `invalid_request`
 */
export function revisionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined
  const revision = /^\s*(?:W\/)?"(\d{1,9})"\s*$/.exec(ifMatch)?.[1]
  if (revision !== undefined) return Number(revision)
  throw new PandaError('invalid_request', 'If-Match: send the ETag as it was answered, e.g. "7".', {
    errors: [{ path: 'if-match', message: 'is not an ETag of a cronjob' }],
  })
}
