import type { Settlement } from '../../events/driver.ts'
import { nextRung } from './ladder.ts'
import { forwarded, type Travel } from './message.ts'
import { homeKey, type Names } from './names.ts'
import type { Outgoing } from './publisher.ts'
import type { Taken } from './taken.ts'

/** Where an event goes that is not done, as the message that takes it there; null: nowhere. */
export function fateOf(
  names: Names,
  subscription: string,
  taken: Taken,
  outcome: Settlement,
  now: number,
): Outgoing | null {
  const { message, travel } = taken
  if (outcome.kind === 'done') return null
  if (outcome.kind === 'released')
    return forwarded(names.home, releaseKey(subscription, travel), message, { ...travel, started: false })
  if (outcome.kind === 'dead') {
    const dead = {
      ...travel,
      ...failedOnce(taken, outcome.error, now),
      started: false,
      deadReason: outcome.reason,
      deadAt: now,
    }
    return forwarded(names.home, homeKey.dead(subscription), message, {
      ...dead,
      dueAt: 0,
      failures: deadAttempts(taken, outcome),
    })
  }
  const dueAt = outcome.delayMs > 0 ? now + outcome.delayMs : 0
  const failed = {
    ...travel,
    ...failedOnce(taken, outcome.error, now),
    dueAt,
    started: false,
    suspect: false,
    crashes: 0,
  }
  return hop(names, subscription, taken, failed, now)
}

/** To the delay queue that comes next on its way, or home. */
export function hop(
  names: Names,
  subscription: string,
  taken: Pick<Taken, 'message'>,
  travel: Travel,
  now: number,
): Outgoing {
  const rung = nextRung(travel.dueAt - now)
  const exchange = rung === null ? names.home : names.delay(rung)
  return forwarded(exchange, homeKey.retry(subscription), taken.message, travel)
}

/** A suspect stays among suspects. */
function releaseKey(subscription: string, travel: Travel): string {
  return travel.suspect ? homeKey.isolated(subscription) : homeKey.retry(subscription)
}

function failedOnce(taken: Taken, error: string, now: number) {
  return { failures: taken.travel.failures + 1, firstFailedAt: taken.travel.firstFailedAt ?? now, error }
}

/** Its handler has run before it died of `attempts` or `final`; for the other reasons it was not asked. */
function deadAttempts(taken: Taken, outcome: Extract<Settlement, { kind: 'dead' }>): number {
  const ran = outcome.reason === 'attempts' || outcome.reason === 'final'
  return taken.travel.failures + (ran ? 1 : 0)
}
