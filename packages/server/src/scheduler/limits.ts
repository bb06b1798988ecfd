/** A tick that no server took within this time counts as missed, and the cronjob's missed policy decides. */
export const MISSED_AFTER_MS = 60_000

/** Ticks decided for one cronjob in one transaction, so that a year of downtime is worked off in small steps. */
export const PAGE_TICKS = 1000

/** Ticks decided in one transaction for all cronjobs together; shared evenly, so that no backlog starves the others. */
export const CLAIM_TICKS = 20_000

/** Runs of one cronjob that may wait behind an active one (`queue`); the next tick is `skipped`, reason `queue-full`. */
export const MAX_WAITING = 100

/**
 * Cronjobs taken in one transaction: few at first, so that a small burst is shared by the lanes and committed early, and
 * twice as many after each full claim, since a large one is a matter of throughput. See bench/lateness.ts.
 */
export const CLAIM_BATCH_FIRST = 500
export const CLAIM_BATCH = 2000

/** Claims that run at the same time while full batches are due. */
export const CLAIM_LANES = 2

/** A sleep never lasts longer: notifications can be lost, and clocks can be set. */
export const MAX_SLEEP_MS = 2000

/** The shortest sleep while something is due that another server holds. */
export const MIN_SLEEP_MS = 5

/** A cronjob whose schedule cannot be read is left to other servers so long, then tried (and reported) again. */
export const UNREADABLE_RETRY_MS = 60_000

/** Such cronjobs remembered at most; more are tried again earlier. */
export const MAX_UNREADABLE = 10_000

/** First and longest wait after the database did not answer. */
export const BACKOFF_MIN_MS = 100
export const BACKOFF_MAX_MS = 5000
