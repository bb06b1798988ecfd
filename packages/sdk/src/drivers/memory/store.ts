import type { ChildOutcome, RelayMessage } from '../../queue/flow-driver.ts'
import type { FinalJobState, JobState } from '../../queue/states.ts'
import type { JobRecord, QueueSettings, QueueStats, WorkerInfo } from '../../queue/driver.ts'
import { JOB_STATES } from '../../queue/states.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { Fifo } from './fifo.ts'
import type { Place } from './lanes.ts'
import { Lanes } from './lanes.ts'
import { Listeners } from './signals.ts'
import { TimeHeap } from './time-heap.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is kept of a job: its record and where it stands. */
export interface Job extends Mutable<JobRecord> {
  /** Place among those that wait, smaller first; another with each wait, so that places of an earlier one hold no more. 0 = it does not wait. */
  place: number
  /** Since when it waits. */
  queuedAt: number
  fence: string | null
  /** The reason that was given with a cancellation of the running job. */
  cancelReason: string | null
  lines: readonly string[]
  outcomes: readonly ChildOutcome[]
  /** Once it has ended: when it is forgotten, and until when no count may remove it (it was watched). */
  expiresAt: number
  keptUntil: number
}

export interface Worker {
  info: WorkerInfo
  leaseEndsAt: number
  /** In the order in which they were claimed. */
  readonly running: Map<string, Job>
}

/** Claims within the current window of a rate limit; the window opens with the first claim in it. */
export interface Window {
  startedAt: number
  claims: number
}

export interface Group {
  readonly name: string
  readonly waiting: Lanes<Job>
  waitingCount: number
  running: number
  readonly window: Window
  /** Whether it stands in the ring. */
  inRing: boolean
  /** When its rate limit opens again; 0 when it is open. */
  closedUntil: number
}

export interface QueueData {
  readonly name: string
  readonly jobs: Map<string, Job>
  readonly counts: Record<JobState, number>
  readonly totals: Mutable<QueueStats['totals']>
  readonly ungrouped: Lanes<Job>
  readonly groups: Map<string, Group>
  /** Groups that may have something to claim, in turn. */
  readonly ring: Fifo<Group>
  /** Groups whose rate opens again at that time. */
  readonly closedGroups: TimeHeap<Group>
  /** Whose turn it is when grouped and ungrouped jobs both wait. */
  turn: 'ungrouped' | 'grouped'
  /** `scheduled` and `retrying` jobs by due time; an entry holds while the job's `place` is the one noted. */
  readonly due: TimeHeap<Place<Job>>
  readonly finished: Readonly<Record<FinalJobState, Map<string, Job>>>
  nextExpiry: number
  readonly keys: Map<string, { readonly id: string; readonly endsAt: number }>
  readonly keyEnds: TimeHeap<string>
  readonly watched: Set<string>
  readonly workers: Map<string, Worker>
  settings: QueueSettings
  readonly window: Window
  readonly relays: Map<string, RelayMessage>
  readonly schedules: Map<string, StoredSchedule>
}

const DEFAULT_SETTINGS: QueueSettings = {
  paused: false,
  concurrency: null,
  rate: null,
  groupConcurrency: 1,
  groupRate: null,
}

/** Jobs of one "server": several drivers may share it, as processes share a Redis. */
export class MemoryStore {
  readonly now: () => number
  readonly queues = new Map<string, QueueData>()
  readonly listeners = new Listeners()
  #count = 0

  /** @param now the store's clock, ms since 1970; default the machine's */
  constructor(now: () => number = Date.now) {
    this.now = now
  }

  /** Larger with each call. */
  next(): number {
    this.#count += 1
    return this.#count
  }

  queue(name: string): QueueData {
    const known = this.queues.get(name)
    if (known !== undefined) return known
    const queue = emptyQueue(name)
    this.queues.set(name, queue)
    return queue
  }

  /** As `queue`, for readers: what does not exist is shown empty and goes on not existing. */
  look(name: string): QueueData {
    return this.queues.get(name) ?? emptyQueue(name)
  }
}

export function holdsPlace(place: Place<Job>): boolean {
  return place.item.place === place.at
}

function emptyQueue(name: string): QueueData {
  return {
    name,
    jobs: new Map(),
    counts: Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>,
    totals: { added: 0, succeeded: 0, failed: 0, dead: 0, crashed: 0 },
    ungrouped: new Lanes(holdsPlace),
    groups: new Map(),
    ring: new Fifo(),
    closedGroups: new TimeHeap(),
    turn: 'ungrouped',
    due: new TimeHeap(),
    finished: { succeeded: new Map(), cancelled: new Map(), dead: new Map() },
    nextExpiry: Number.POSITIVE_INFINITY,
    keys: new Map(),
    keyEnds: new TimeHeap(),
    watched: new Set(),
    workers: new Map(),
    settings: DEFAULT_SETTINGS,
    window: { startedAt: Number.NEGATIVE_INFINITY, claims: 0 },
    relays: new Map(),
    schedules: new Map(),
  }
}
