import type { LoggedEvent, LogPosition, LogQuery } from '../../events/driver.ts'
import { matchesAny } from '../../events/pattern.ts'
import { pause } from '../../queue/clock.ts'
import type { Clock } from '../../queue/clock.ts'
import type { EventCatalog } from './catalog.ts'

const PAGE = 500
/** Looked at without a wake-up, for those that got lost. */
const LOOK_MS = 2_000
/** Behind an event there may be others of transactions that are about to commit: so soon it is looked at again. */
const PENDING_MS = 20
/** So long a reader that does not follow waits for those; what a caller's transaction keeps open for longer, it does not see. */
const MOST_PENDING_MS = 2_000

/** Oldest first. Without `follow` it ends where the log ended when it was called. */
export async function* readLog(
  catalog: EventCatalog,
  clock: Clock,
  query: LogQuery,
  signal?: AbortSignal,
): AsyncGenerator<LoggedEvent> {
  const bell = new Bell(clock)
  const end = query.follow ? await catalog.onLogged(() => bell.ring()) : () => undefined
  try {
    yield* read(catalog, bell, query, signal)
  } finally {
    end()
  }
}

async function* read(
  catalog: EventCatalog,
  bell: Bell,
  query: LogQuery,
  signal?: AbortSignal,
): AsyncGenerator<LoggedEvent> {
  let from: LogPosition = query.from
  let end: number | null = null
  let waited = 0
  for (;;) {
    signal?.throwIfAborted()
    const heard = bell.count
    const page = await catalog.logPage(from, PAGE, signal)
    if (!query.follow) end ??= page.last
    for (const logged of page.events) {
      if (end !== null && logged.offset > end) return
      if (fits(logged, query)) yield logged
    }
    const last = page.events.at(-1)?.offset
    if (last !== undefined) from = { offset: last + 1 }
    if (page.events.length === PAGE) continue
    const isPending = page.final < page.last
    if (end !== null && (page.final >= end || waited >= MOST_PENDING_MS)) return
    waited = last === undefined ? waited + PENDING_MS : 0
    await bell.wait(isPending || end !== null ? PENDING_MS : LOOK_MS, heard, signal)
  }
}

function fits({ event }: LoggedEvent, { patterns, from }: LogQuery): boolean {
  return matchesAny(patterns, event.type) && (!('time' in from) || Date.parse(event.time) >= from.time)
}

/** Rung when the log has grown. */
class Bell {
  count = 0
  #wake: AbortController | null = null
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.count += 1
    this.#wake?.abort()
  }

  /** Until it rings, or has rung since `heard`, at most so long. @throws the signal's reason */
  async wait(ms: number, heard: number, signal?: AbortSignal): Promise<void> {
    if (this.count !== heard) return
    const wake = new AbortController()
    this.#wake = wake
    const stop = (): void => wake.abort()
    signal?.addEventListener('abort', stop, { once: true })
    await pause(this.#clock, ms, wake.signal)
    signal?.removeEventListener('abort', stop)
    this.#wake = null
    signal?.throwIfAborted()
  }
}
