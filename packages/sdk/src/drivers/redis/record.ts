/** From what the store holds of a job to what is told of it. */
import type { JobRecord } from '../../queue/driver.ts'
import type { JobState } from '../../queue/states.ts'
import { unpack } from './packed.ts'

/** Stored job, state, two more by state, history, note, due time of one that waits for children; empty = no such job. */
export type RawJob = [] | [string, string, string | null, string | null, string | null, string | null, string | null]

interface History {
  readonly f: number
  readonly c: number
  /** First and last failure, last start: ms. */
  readonly ff?: number
  readonly lf?: number
  readonly s?: number
  readonly e?: string
}

/** State, end, start, end of keeping, history, value, error, reason. */
type Ended = [string, number, number | null, number | null, History | null, string | null, string | null, string | null]

const STATES: Readonly<Record<string, JobState>> = {
  s: 'succeeded',
  c: 'cancelled',
  d: 'dead',
  running: 'running',
  scheduled: 'scheduled',
  waits: 'scheduled',
  retrying: 'retrying',
  queued: 'queued',
}

export function toRecord(id: string, raw: RawJob): JobRecord | null {
  if (raw.length === 0) return null
  const [value, place, one, two, historyText, note, childrenDue] = raw
  const state = STATES[place] ?? 'queued'
  const ended = place.length === 1 && one !== null ? (JSON.parse(one) as Ended) : null
  const history = ended === null ? read(historyText) : ended[4]
  const isDue = place === 'scheduled' || place === 'retrying'
  return {
    id,
    state,
    ...unpack(value),
    failures: history?.f ?? 0,
    crashes: history?.c ?? 0,
    progress: note === '' ? null : note,
    value: ended?.[5] ?? null,
    error: ended?.[6] ?? history?.e ?? null,
    reason: ended?.[7] ?? null,
    worker: state === 'running' ? one : null,
    runAt: isDue ? Number(one) : childrenDue === null ? null : Number(childrenDue),
    startedAt: ended?.[2] ?? (state === 'running' && two !== null ? Number.parseInt(two, 10) : (history?.s ?? null)),
    finishedAt: ended?.[1] ?? null,
    firstFailedAt: history?.ff ?? null,
    lastFailedAt: history?.lf ?? null,
    waitsFor: place === 'waits' ? Number(one) : 0,
  }
}

function read(text: string | null): History | null {
  return text === null ? null : (JSON.parse(text) as History)
}
