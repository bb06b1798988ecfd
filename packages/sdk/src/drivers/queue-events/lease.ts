import { pause } from '../../queue/clock.ts'
import type { Clock } from '../../queue/clock.ts'
import type { Hold, LeaseNews } from '../../queue/leases.ts'
import { FIRST_PAUSE_MS, MAX_PAUSE_MS } from '../../queue/store-call.ts'

export interface LeaseHost {
  /** What was taken before `at` (by `clock.now()`) belongs to somebody else. */
  lose(at: number): void
  failed(error: unknown): void
  /** It holds again. */
  renewed(): void
}

/** One consumer's lease: what its renewals mean, and how it is made anew when the store says that it is gone. */
export class Lease {
  hold: Hold | null = null
  #renewing = false
  readonly #clock: Clock
  readonly #host: LeaseHost

  constructor(clock: Clock, host: LeaseHost) {
    this.#clock = clock
    this.#host = host
  }

  onNews(news: LeaseNews): void {
    if (news.ok && news.fresh) this.#host.lose(news.at - (this.#clock.wall() - this.#clock.now()))
  }

  async renew(): Promise<void> {
    if (this.#renewing) return
    this.#renewing = true
    for (let wait = FIRST_PAUSE_MS; this.hold !== null; wait = Math.min(2 * wait, MAX_PAUSE_MS)) {
      try {
        this.onNews(await this.hold.renew())
        this.#renewing = false
        return this.#host.renewed()
      } catch (error) {
        this.#host.failed(error)
      }
      await pause(this.#clock, wait)
    }
    this.#renewing = false
  }
}
