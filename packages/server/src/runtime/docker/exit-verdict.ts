import type { UnitExit } from '../driver.ts'

export interface ExitRecord {
  readonly code: number
  readonly outOfMemory: boolean
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  /** What the engine itself waits between SIGTERM and SIGKILL when it stops. */
  readonly engineGraceMs: number
}

export interface EngineHistory {
  /** When this engine process came up, or was first seen again after an outage; null = neither is known. */
  readonly startedAt: Date | null
  /** The newest time in which we had lost sight of it; null = never. */
  readonly away: { readonly since: Date; readonly until: Date } | null
  /** It ends its containers when it stops; not so Podman, and Docker with live-restore. */
  readonly stopsContainers: boolean
}

/** The engine's code for a container of which it does not know how it ended. */
const ENGINE_LOST_CODE = 255
const SIGKILL_CODE = 137
const SIGTERM_CODE = 143
const SLACK_MS = 5_000

/**
 * Whose end is it? An engine that stops, or comes back after a crash, ends its containers itself (SIGTERM, SIGKILL
 * after a grace) and records that as if the program had ended: 143, 137, or whatever code a program gives that handles
 * SIGTERM, even 0. Seen on Docker 20.10: SIGKILL of dockerd, program exits 0 on SIGTERM: recorded as `exited (0)` 0.5 s
 * before the new engine was up. So an end inside the engine's absence or its start-up is `lost`; before it, it is the
 * program's own.
 */
export function judgeExit(record: ExitRecord, history: EngineHistory): UnitExit {
  const { code, outOfMemory, startedAt, finishedAt } = record
  const own: UnitExit = { kind: 'exited', code, outOfMemory, startedAt, finishedAt }
  if (startedAt === null || finishedAt === null) return own
  const engineStart = history.startedAt
  if (engineStart === null || startedAt > engineStart || finishedAt > engineStart) return own
  if (code === ENGINE_LOST_CODE) return lost(code, 'the engine lost track of it')
  if (!history.stopsContainers) return own
  const restoreBegan = engineStart.getTime() - record.engineGraceMs - SLACK_MS
  if (finishedAt.getTime() >= restoreBegan) return lost(code, 'ended while the engine was starting again')
  const { away } = history
  if (away !== null && finishedAt >= away.since && finishedAt <= away.until) {
    return lost(code, 'ended while the engine was away')
  }
  if (!outOfMemory && (code === SIGKILL_CODE || code === SIGTERM_CODE)) {
    return lost(code, 'ended by a signal before the engine was started again')
  }
  return own
}

function lost(code: number, why: string): UnitExit {
  return { kind: 'lost', detail: `${why}; its record says exit code ${code}, which may be the engine's doing` }
}
