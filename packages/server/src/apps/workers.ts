/** What the SDK tells on an instance's output (lifecycle-lines.ts). Versions before 2026-11-29 name no worker. */
export type Told = { readonly of?: string | undefined; readonly worker?: string | undefined } & (
  | { readonly kind: 'starting' }
  | { readonly kind: 'registered' }
  | { readonly kind: 'draining'; readonly held: number }
  | { readonly kind: 'drained'; readonly finished: number; readonly handedBack: number }
)

const ORDER = ['starting', 'registered', 'draining', 'drained'] as const

/** How one worker or subscription of an instance stands. */
export interface WorkerNote {
  /** `queue uploads`. */
  readonly of: string
  readonly state: (typeof ORDER)[number]
  /** It was at some time. */
  readonly registered: boolean
  /** Null = it has not told. */
  readonly held: number | null
  readonly finished: number
  readonly handedBack: number
}

/** Of one attempt of an instance, as `app_instances.workers` keeps them. */
export type Workers = Readonly<Record<string, WorkerNote>>

/** A program that makes workers without end is none that anybody waits for. */
const MAX_WORKERS = 200

/**
 * A worker only goes forward: a line that is read once more after a restart of the server, or a worker that registers
 * again after its store was away, changes nothing. One without a name, of an older SDK, may be several: its counts add up.
 */
export function withWord(workers: Workers, told: Told): Workers {
  const named = told.worker !== undefined
  const key = named ? `${told.of ?? ''} ${told.worker}` : ''
  const before = workers[key]
  if (before === undefined && Object.keys(workers).length >= MAX_WORKERS) return workers
  if (before !== undefined && named && ORDER.indexOf(told.kind) <= ORDER.indexOf(before.state)) return workers
  const note = before ?? { of: told.of ?? '', registered: false, held: null, finished: 0, handedBack: 0 }
  return { ...workers, [key]: { ...note, ...changeOf(note, told), state: told.kind } }
}

function changeOf(note: Omit<WorkerNote, 'state'>, told: Told): Partial<WorkerNote> {
  if (told.kind === 'registered') return { registered: true }
  if (told.kind === 'draining') return { held: told.held }
  if (told.kind === 'starting') return {}
  return { finished: note.finished + told.finished, handedBack: note.handedBack + told.handedBack }
}

/** At least one has registered, and nothing is waited for. */
export function areReady(workers: Workers): boolean {
  return Object.values(workers).some(({ registered }) => registered) && waitedFor(workers).length === 0
}

/**
 * What has said that it starts and has not registered. A process of several that ended before it did, and whose successor
 * has registered for the same queue, is not waited for.
 */
export function waitedFor(workers: Workers): readonly string[] {
  const notes = Object.values(workers)
  const there = new Set(notes.filter(({ registered }) => registered).map(({ of }) => of))
  const starting = notes.filter(({ state, of }) => state === 'starting' && !there.has(of))
  return [...new Set(starting.map(({ of }) => of))]
}

export interface DrainCount {
  readonly held: number | null
  readonly finished: number | null
  readonly handedBack: number | null
}

/** Together; null = none has told. */
export function drainOf(workers: Workers): DrainCount {
  const told = Object.values(workers).filter(({ state }) => state === 'draining' || state === 'drained')
  if (told.length === 0) return { held: null, finished: null, handedBack: null }
  const sum = (of: (note: WorkerNote) => number): number => told.reduce((total, note) => total + of(note), 0)
  const holders = told.filter(({ held }) => held !== null)
  return {
    held: holders.length === 0 ? null : sum(({ held }) => held ?? 0),
    finished: sum(({ finished }) => finished),
    handedBack: sum(({ handedBack }) => handedBack),
  }
}
