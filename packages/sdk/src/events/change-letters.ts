import { PandaError } from '../errors.ts'
import { pause, systemClock } from '../queue/clock.ts'
import type { Clock } from '../queue/clock.ts'
import type { EventDeadReason } from './driver.ts'

/** Which dead letters: those that are named, else all that fit. */
export interface LetterChoice {
  readonly ids?: readonly string[]
  readonly type?: string
  readonly reason?: EventDeadReason
  /** At most so many, oldest first. */
  readonly limit?: number
}

export interface ChangeOptions {
  /** Letters per second at most. Default: as fast as the broker takes them. */
  readonly ratePerSecond?: number
  /** Stops behind the letters that are being changed; while they are still being chosen, its reason is thrown. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ChangedLetters) => void
  /** For tests. */
  readonly clock?: Clock
}

export interface ChangedLetters {
  readonly done: number
  /** Were gone when it was their turn. */
  readonly missing: number
  /** How many were chosen. `done + missing` is less after an abort. */
  readonly total: number
}

/** Where the letters are, near or behind a server. */
export interface LetterSource {
  page(query: {
    readonly limit: number
    readonly cursor?: string
    readonly type?: string
    readonly reason?: EventDeadReason
  }): Promise<{ readonly ids: readonly string[]; readonly cursor: string | null }>
  change(ids: readonly string[]): Promise<readonly ('done' | 'not-found')[]>
}

const PAGE = 1000
const CHUNK = 500

/**
 * Redrives or drops many dead letters. They are chosen first: one that is redriven and dies again is not taken twice.
 * @throws PandaError invalid_option, and what the source throws
 */
export async function changeLetters(
  source: LetterSource,
  choice: LetterChoice,
  options: ChangeOptions = {},
): Promise<ChangedLetters> {
  const { ratePerSecond: rate, signal, clock = systemClock } = options
  if (rate !== undefined && !(rate > 0 && Number.isFinite(rate)))
    throw new PandaError('invalid_option', `ratePerSecond must be above 0, not ${rate}`)
  const ids = choice.ids === undefined ? await choose(source, choice, signal) : choice.ids.slice(0, choice.limit)
  // As even as whole letters go: a chunk stands for a second at most.
  const chunk = rate === undefined ? CHUNK : Math.max(1, Math.min(CHUNK, Math.floor(rate)))
  let progress: ChangedLetters = { done: 0, missing: 0, total: ids.length }
  const begun = clock.now()
  for (let at = 0; at < ids.length; at += chunk) {
    if (rate !== undefined && at > 0) await pause(clock, begun + (at / rate) * 1000 - clock.now(), signal)
    if (signal?.aborted === true) break
    const results = await source.change(ids.slice(at, at + chunk))
    const done = results.filter((result) => result === 'done').length
    progress = { ...progress, done: progress.done + done, missing: progress.missing + results.length - done }
    options.onProgress?.(progress)
  }
  return progress
}

async function choose(source: LetterSource, choice: LetterChoice, signal?: AbortSignal): Promise<readonly string[]> {
  const { type, reason, limit = Number.POSITIVE_INFINITY } = choice
  const filter = { ...(type !== undefined && { type }), ...(reason !== undefined && { reason }) }
  const ids: string[] = []
  let cursor: string | null = null
  do {
    signal?.throwIfAborted()
    const query = { ...filter, limit: Math.min(PAGE, limit - ids.length), ...(cursor !== null && { cursor }) }
    const page = await source.page(query)
    ids.push(...page.ids)
    ;({ cursor } = page)
  } while (cursor !== null && ids.length < limit)
  return ids
}
