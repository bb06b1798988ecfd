import type { Rate } from '../../queue/driver.ts'
import type { Window } from './store.ts'

export function isRateOpen(rate: Rate | null, window: Window, now: number): boolean {
  return rate === null || isOver(rate, window, now) || window.claims < rate.limit
}

export function countClaim(rate: Rate | null, window: Window, now: number): void {
  if (rate === null) return
  if (isOver(rate, window, now)) {
    window.startedAt = now
    window.claims = 0
  }
  window.claims += 1
}

export function opensAt(rate: Rate, window: Window): number {
  return window.startedAt + rate.perMs
}

export function isOver(rate: Rate, window: Window, now: number): boolean {
  return now >= opensAt(rate, window)
}
