import { formatDuration, formatSize, type Reason } from '@pandastack/contract'
import { cancelMessage } from '../runs/cancel-message.ts'
import type { Verdict } from '../runs/transition/ended-attempt.ts'
import type { RuntimeError, UnitExit } from '../runtime/driver.ts'
import { signalOf } from './signals.ts'

/** What of ours cut an attempt short, if anything did. */
export type Cut =
  | { readonly kind: 'timeout' }
  | { readonly kind: 'cancel'; readonly reason: Reason; readonly by: string | null }
  | { readonly kind: 'server-stop' }

export interface Ending {
  /** null = the unit is gone without a trace of how it ended. */
  readonly exit: UnitExit | null
  readonly cut: Cut | null
}

export interface Limits {
  readonly memoryBytes: number
  readonly timeoutMs: number | null
  readonly graceMs: number
}

/** Exit code of what SIGKILL ended. */
const KILLED = 137

/** How an attempt ended, from what the engine reports and what we did to it. Pure; each cause has its own sentence. */
export function judge({ exit, cut }: Ending, limits: Limits): Verdict {
  const exitCode = exit?.kind === 'exited' ? exit.code : null
  if (cut?.kind === 'cancel') {
    return { outcome: 'cancelled', reason: cut.reason, message: cancelMessage(cut.reason, cut.by), exitCode }
  }
  if (cut?.kind === 'server-stop') {
    return lost('the server was stopped, and this runtime keeps nothing running without it', exitCode)
  }
  if (cut?.kind === 'timeout') {
    return { outcome: 'failed', reason: 'timeout', message: timeoutMessage(exit, limits), exitCode }
  }
  if (exit === null) return lost('its container is gone and nothing tells how it ended', null)
  if (exit.kind === 'lost') return lost(exit.detail, null)
  if (exit.outOfMemory) {
    const message = `was killed: it used more than its ${formatSize(limits.memoryBytes)} of memory (exit code ${exit.code})`
    return { outcome: 'failed', reason: 'out-of-memory', message, exitCode: exit.code }
  }
  if (exit.code === 0) return { outcome: 'succeeded', reason: null, message: null, exitCode: 0 }
  const signal = signalOf(exit.code)
  if (signal !== null) {
    const message = `was ended by ${signal} (exit code ${exit.code})`
    return { outcome: 'failed', reason: 'signal', message, exitCode: exit.code }
  }
  return { outcome: 'failed', reason: 'exit-code', message: `exited with code ${exit.code}`, exitCode: exit.code }
}

function timeoutMessage(exit: UnitExit | null, { timeoutMs, graceMs }: Limits): string {
  const late = `did not end within ${formatDuration(timeoutMs ?? 0)}`
  if (exit === null || exit.kind === 'lost') return `${late}; stopped`
  if (exit.code === KILLED) return `${late}; SIGTERM, then SIGKILL after ${formatDuration(graceMs)}`
  return `${late}; ended by SIGTERM (exit code ${exit.code})`
}

function lost(message: string, exitCode: number | null): Verdict {
  return { outcome: 'lost', reason: 'lost', message, exitCode }
}

/** A start that the registry or the engine refused, in their own words. `engine-away` is no verdict: it is waited for. */
export function judgeRefusal(error: RuntimeError): Verdict {
  return { outcome: 'failed', reason: error.code, message: error.message, exitCode: null }
}

/** A setting that the attempt needs and that cannot be had, e.g. a secret that was sealed with another key. */
export function judgeSettings(message: string): Verdict {
  return { outcome: 'failed', reason: 'secret-missing', message, exitCode: null }
}

/** Our own bug: what became of the unit is not known. */
export function judgeBug(error: unknown): Verdict {
  return lost(`the server met a bug while it ran this: ${error instanceof Error ? error.message : String(error)}`, null)
}
