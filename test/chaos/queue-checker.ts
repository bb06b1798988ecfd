/**
 * The judge of the queue's fault tests. It knows nothing but the logs of producer, handlers and nemesis, and the lists of
 * the store, and says of single jobs what contradicts the promises. Pure: queue-checker.test.ts has what it finds.
 */
export interface QueueEvidence {
  /** What the producer was told. */
  readonly acks: readonly Ack[]
  /** What the handlers wrote when they began, and when they had done it. In the order of the log. */
  readonly starts: readonly Mark[]
  readonly effects: readonly Mark[]
  readonly silences: readonly Silence[]
  readonly outages: readonly Outage[]
  readonly store: StoreLists
  /** When the run was given up or over. */
  readonly endedAt: number
}

export interface Ack {
  /** Which of the producer's jobs, whatever the store calls it. */
  readonly n: number
  readonly id: string
  readonly at: number
}

export interface Mark extends Ack {
  readonly pid: number
}

/** A worker that was killed, stood still for longer than its lease, or ended by itself. Times in ms since 1970. */
export interface Silence {
  readonly kind: 'killed' | 'frozen' | 'ended'
  readonly pid: number
  readonly from: number
  readonly until: number
}

/** The store was killed, or could not be reached, until it was back. */
export interface Outage {
  readonly what: 'store' | 'cut'
  readonly from: number
  readonly until: number
}

/** Ids as the store lists them at the end. */
export interface StoreLists {
  /** Whose result it accepted, an entry for each; null when it keeps no such list. */
  readonly accepted: readonly string[] | null
  /** Its own count of accepted results; null when it keeps none. */
  readonly acceptances: number | null
  /** Not ended yet. */
  readonly open: readonly string[]
  /** Given up. */
  readonly dead: readonly string[]
}

export interface QueueBounds {
  /** How many jobs one silence may cause to be started again: what a worker holds at most. */
  readonly startsPerSilence: number
  /** From a worker's silence, or from the store's return if that was later, to the new start of the last of its jobs. */
  readonly recoveryMs: number
  /** A job may be given up that so many workers have died with, or stood still with. */
  readonly crashesUntilDead: number
  /** A store that is killed may have forgotten a claim that is so young: its job is started again. 0 = it never has. */
  readonly forgetsMs: number
}

export type QueueRule =
  | 'lost' // acknowledged, and neither done, nor still to be done, nor given up
  | 'stuck' // acknowledged, and still to be done at the end
  | 'dead' // acknowledged and given up, though no handler failed and fewer workers than the limit died with it
  | 'result-lost' // done, and the store has no result of it
  | 'accepted-twice' // more than one accepted result
  | 'job-doubled' // one job of the producer, two in the store
  | 'start-unexplained' // started again though nothing had happened to the worker that had it, nor to its claim
  | 'effect-twice' // done more often than started by the same worker
  | 'worker-ended' // a process ended that nobody had killed
  | 'starts-above-bound' // more jobs started again by one silence than a worker holds
  | 'recovery-late'

export interface QueueVerdict {
  readonly violations: readonly { readonly rule: QueueRule; readonly detail: string }[]
  readonly figures: QueueFigures
}

export interface QueueFigures {
  readonly acknowledged: number
  readonly lost: number
  readonly stuck: number
  readonly dead: number
  readonly acceptedTwice: number
  readonly jobsDoubled: number
  readonly extraStarts: number
  /** Of those, the most that one silence caused. */
  readonly extraStartsPerSilenceMax: number
  readonly extraEffects: number
  /** Processes that ended though nobody had killed them. */
  readonly workersEnded: number
  /** Silences that met at least one running job. */
  readonly recoveries: number
  /** All times of recovery count from the silence of a worker … */
  readonly recoveryMedianMs: number
  /** Where the store was there all the while. */
  readonly recoveryMaxMs: number
  /** Where it was away in between. */
  readonly recoveryOverOutageMaxMs: number
  /** … but this one: of the latter, from the store's return. */
  readonly recoveryAfterOutageMaxMs: number
  /** Silences of which at least one job was never started again. */
  readonly unrecovered: number
}

type Violation = QueueVerdict['violations'][number]

export function checkQueue(evidence: QueueEvidence, bounds: QueueBounds): QueueVerdict {
  const starts = byId(evidence.starts)
  const effects = byId(evidence.effects)
  const fates = checkFates(evidence, starts, effects, bounds)
  const dead = new Set(evidence.store.dead)
  const accepted = checkAccepted(evidence)
  const doubled = checkDoubled(evidence)
  const recoveries = evidence.silences
    .map((silence) => recover(silence, evidence, starts, effects))
    .filter(({ jobs }) => jobs > 0)
  const violations = [
    ...fates,
    ...accepted,
    ...doubled,
    ...checkStarts(starts, evidence, bounds),
    ...checkEffects(evidence),
    ...evidence.silences
      .filter(({ kind }) => kind === 'ended')
      .map(({ pid, from }): Violation => ({ rule: 'worker-ended', detail: `${pid} at ${from}` })),
    ...recoveries.flatMap((recovery) => checkRecovery(recovery, bounds)),
  ]
  const count = (rule: QueueRule): number => violations.filter((violation) => violation.rule === rule).length
  return {
    violations,
    figures: {
      acknowledged: evidence.acks.length,
      lost: count('lost'),
      stuck: count('stuck'),
      dead: evidence.acks.filter(({ id }) => dead.has(id)).length,
      acceptedTwice: count('accepted-twice'),
      jobsDoubled: count('job-doubled'),
      extraStarts: evidence.starts.length - starts.size,
      extraEffects: evidence.effects.length - effects.size,
      workersEnded: count('worker-ended'),
      ...recoveryFigures(recoveries),
    },
  }
}

/** What became of each job that the producer was told to be in the store. */
function checkFates(
  { acks, store, silences }: QueueEvidence,
  starts: ReadonlyMap<string, readonly Mark[]>,
  effects: ReadonlyMap<string, readonly Mark[]>,
  { crashesUntilDead }: QueueBounds,
): Violation[] {
  const crashesOf = (id: string): number =>
    (starts.get(id) ?? []).filter(({ pid, at }) => silences.some((s) => s.pid === pid && s.until >= at)).length
  const open = new Set(store.open)
  const dead = new Set(store.dead)
  const accepted = store.accepted === null ? null : new Set(store.accepted)
  return acks.flatMap(({ n, id }): Violation[] => {
    const detail = `job ${n} (${id})`
    if (dead.has(id)) return crashesOf(id) >= crashesUntilDead ? [] : [{ rule: 'dead', detail }]
    if (open.has(id)) return [{ rule: 'stuck', detail }]
    if (!effects.has(id)) return [{ rule: 'lost', detail }]
    return accepted === null || accepted.has(id) ? [] : [{ rule: 'result-lost', detail }]
  })
}

function checkAccepted({ store }: QueueEvidence): Violation[] {
  if (store.accepted === null) return []
  const seen = new Set<string>()
  const found: Violation[] = []
  for (const id of store.accepted) {
    if (seen.has(id)) found.push({ rule: 'accepted-twice', detail: `${id} is listed twice` })
    seen.add(id)
  }
  // A list that cannot hold an id twice would hide it: the store's own count tells.
  const uncounted = (store.acceptances ?? store.accepted.length) - store.accepted.length
  for (let more = 0; more < uncounted; more++)
    found.push({ rule: 'accepted-twice', detail: 'the store counts more results than it lists jobs' })
  return found
}

/** Whatever was started or accepted is a job that the producer knows, by the id that it was told. */
function checkDoubled({ acks, starts, store }: QueueEvidence): Violation[] {
  const told = new Map<number, string>()
  const found: Violation[] = []
  for (const { n, id } of acks) {
    if (told.has(n))
      found.push({ rule: 'job-doubled', detail: `job ${n} was acknowledged as ${told.get(n)} and ${id}` })
    told.set(n, id)
  }
  const known = new Set(told.values())
  const strange = new Map<string, string>()
  for (const id of store.accepted ?? [])
    if (!known.has(id)) strange.set(id, `${id} was accepted, nobody was told of it`)
  for (const { n, id } of starts)
    if (!known.has(id)) strange.set(id, `job ${n} is ${told.get(n) ?? 'nothing'} to the producer, ${id} was started`)
  return [...found, ...[...strange.values()].map((detail): Violation => ({ rule: 'job-doubled', detail }))]
}

/** A start after the first of a job needs a worker that had it and was silent in between, or a claim that was forgotten. */
function checkStarts(
  starts: ReadonlyMap<string, readonly Mark[]>,
  { silences, outages }: QueueEvidence,
  { forgetsMs }: QueueBounds,
): Violation[] {
  const isForgotten = (at: number): boolean =>
    outages.some(({ what, from }) => what === 'store' && at <= from && from < at + forgetsMs)
  const found: Violation[] = []
  for (const [id, all] of starts) {
    for (const [i, later] of all.entries()) {
      const isExplained = all
        .slice(0, i)
        .some(
          ({ pid, at }) =>
            isForgotten(at) || silences.some((s) => s.pid === pid && s.from <= later.at && s.until >= at),
        )
      if (i === 0 || isExplained) continue
      const history = all.slice(0, i + 1).map(({ pid, at }) => `${pid} at ${at}`)
      found.push({ rule: 'start-unexplained', detail: `${id} was started by ${history.join(', by ')}` })
    }
  }
  return found
}

/** Each start is judged already: an effect needs one of its own, by the same worker. */
function checkEffects({ starts, effects }: QueueEvidence): Violation[] {
  const left = new Map<string, number>()
  for (const { id, pid } of starts) left.set(`${id} by ${pid}`, (left.get(`${id} by ${pid}`) ?? 0) + 1)
  return effects.flatMap(({ id, pid, at }): Violation[] => {
    const starts = left.get(`${id} by ${pid}`) ?? 0
    left.set(`${id} by ${pid}`, starts - 1)
    return starts > 0 ? [] : [{ rule: 'effect-twice', detail: `${id} by ${pid} at ${at}, which had not started it` }]
  })
}

interface Recovery {
  readonly silence: Silence
  /** Jobs that the worker had and others had to start again. */
  readonly jobs: number
  readonly ms: number
  /** Since the store came back from an outage in between; null when there was none. */
  readonly afterOutageMs: number | null
  readonly isComplete: boolean
}

/** Until the last job that the silent worker had begun, and whose result nobody had, was started again. */
function recover(
  silence: Silence,
  { outages, endedAt, store }: QueueEvidence,
  starts: ReadonlyMap<string, readonly Mark[]>,
  effects: ReadonlyMap<string, readonly Mark[]>,
): Recovery {
  const open = new Set(store.open)
  const dead = new Set(store.dead)
  let jobs = 0
  let last = silence.from
  let isComplete = true
  for (const [id, all] of starts) {
    const before = all.filter(({ at }) => at <= silence.from).at(-1)
    if (before?.pid !== silence.pid) continue
    const again = all.find(({ at }) => at > silence.from)
    const isDone = (effects.get(id) ?? []).some(({ at }) => at <= silence.from || silence.kind === 'frozen')
    // Done, or given up for its crashes: nobody starts it again.
    if (again === undefined && ((isDone && !open.has(id)) || dead.has(id))) continue
    jobs += 1
    if (again === undefined) isComplete = false
    last = Math.max(last, again?.at ?? endedAt)
  }
  const during = outages.filter(({ from, until }) => until >= silence.from && from <= last)
  const back = Math.max(silence.from, ...during.map(({ until }) => Math.min(until, last)))
  return { silence, jobs, ms: last - silence.from, afterOutageMs: during.length > 0 ? last - back : null, isComplete }
}

function checkRecovery(recovery: Recovery, bounds: QueueBounds): Violation[] {
  const { silence, jobs, isComplete } = recovery
  const ms = recovery.afterOutageMs ?? recovery.ms
  const who = `${silence.pid}, ${silence.kind} at ${silence.from}`
  const found: Violation[] = []
  if (jobs > bounds.startsPerSilence) found.push({ rule: 'starts-above-bound', detail: `${jobs} jobs of ${who}` })
  if (ms > bounds.recoveryMs) found.push({ rule: 'recovery-late', detail: `${ms} ms for the jobs of ${who}` })
  else if (!isComplete) found.push({ rule: 'recovery-late', detail: `a job of ${who} was never started again` })
  return found
}

function recoveryFigures(recoveries: readonly Recovery[]) {
  const all = recoveries.map(({ ms }) => ms).toSorted((a, b) => a - b)
  const alone = recoveries.filter(({ afterOutageMs }) => afterOutageMs === null)
  const over = recoveries.filter(({ afterOutageMs }) => afterOutageMs !== null)
  return {
    extraStartsPerSilenceMax: Math.max(0, ...recoveries.map(({ jobs }) => jobs)),
    recoveries: recoveries.length,
    recoveryMedianMs: all[Math.floor(all.length / 2)] ?? 0,
    recoveryMaxMs: Math.max(0, ...alone.map(({ ms }) => ms)),
    recoveryOverOutageMaxMs: Math.max(0, ...over.map(({ ms }) => ms)),
    recoveryAfterOutageMaxMs: Math.max(0, ...over.map(({ afterOutageMs }) => afterOutageMs ?? 0)),
    unrecovered: recoveries.filter(({ isComplete }) => !isComplete).length,
  }
}

function byId(marks: readonly Mark[]): Map<string, Mark[]> {
  const all = new Map<string, Mark[]>()
  for (const mark of marks) {
    const same = all.get(mark.id)
    if (same === undefined) all.set(mark.id, [mark])
    else same.push(mark)
  }
  for (const same of all.values()) same.sort((a, b) => a.at - b.at)
  return all
}
