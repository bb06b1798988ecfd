/** How long a close waits for running handlers when it is not told. */
const DEFAULT_GRACE_MS = 30_000
/** Of the platform's drain time so much is left for the last results and for giving back the rest, at most a half. */
const LAST_WORDS_MS = 2000

/**
 * 30 s; in an instance of an app what its drain time (`PANDA_DRAIN_MS`, milliseconds) leaves, since it is killed after that.
 */
export function defaultGraceMs(env: NodeJS.ProcessEnv = process.env): number {
  const drainMs = Number(env['PANDA_DRAIN_MS'] ?? Number.NaN)
  if (!Number.isFinite(drainMs) || drainMs < 0) return DEFAULT_GRACE_MS
  return Math.max(drainMs / 2, drainMs - LAST_WORDS_MS)
}
