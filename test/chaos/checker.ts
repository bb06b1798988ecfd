import { parseSchedule, ticksBetween } from '@pandastack/sdk/schedule'
import type { Effect, Effects } from './effects.ts'
import type { AttemptRecord, History, RevisionRow, RunRecord } from './history.ts'

/**
 * The judge of the fault tests. It knows nothing but the rows of the database and the records of the engine, and says
 * what contradicts the promises. Pure: see checker.test.ts for what it finds.
 */
export interface Verdict {
  readonly violations: readonly Violation[]
  readonly figures: Figures
  /** The rows that came latest of those that count, for people. */
  readonly latest: readonly string[]
}

export interface Violation {
  readonly rule: Rule
  readonly detail: string
}

export type Rule =
  | 'tick-lost' // a due time without a row
  | 'tick-doubled' // a due time with two rows
  | 'tick-invented' // a row of the schedule whose time the schedule does not name
  | 'not-ended' // a run that was left in the middle
  | 'unit-doubled' // one attempt, two starts
  | 'unit-unknown' // a unit of which the database knows no attempt
  | 'wrong-verdict' // the recorded outcome is not what the unit did
  | 'lost-without-cause' // lost, although the engine knows how it ended
  | 'overlap' // two units at the same time though the policy forbids it
  | 'log-lost'
  | 'log-doubled'

export interface Figures {
  readonly ticks: number
  readonly runsEnded: number
  readonly unitsStarted: number
  readonly lostRuns: number
  readonly logLines: number
  /** Latest row of a tick: `created_at` − `due_at`. */
  readonly rowLatenessMaxMs: number
  readonly rowLatenessP99Ms: number
  /** The same for starts. */
  readonly startLatenessMaxMs: number
  readonly startLatenessP99Ms: number
}

export interface CheckOptions {
  /** Times when nobody was there to do anything: ticks due then are accounted for, but their lateness proves nothing. */
  readonly blackouts?: readonly Blackout[]
  /** False where the engine itself was killed: it may have forgotten codes, and `lost` is then the right word. Default true. */
  readonly engineRemembers?: boolean
}

export interface Blackout {
  readonly fromMs: number
  readonly untilMs: number
}

/** A statement that waits longer for a lock is ended by the database. */
const LONGEST_CHANGE_MS = 30_000

const FINAL = new Set(['succeeded', 'failed', 'cancelled', 'lost', 'skipped', 'missed'])
const BY_SCHEDULE = new Set(['schedule', 'catch-up'])

export function check(history: History, effects: Effects, options: CheckOptions = {}): Verdict {
  const { engineRemembers = true, blackouts = [] } = options
  const ticks = checkTicks(history)
  const violations = [
    ...ticks.violations,
    ...history.runs
      .filter((run) => !FINAL.has(run.state))
      .map((run) => violation('not-ended', `${run.id} is ${run.state}`)),
    ...checkUnits(history, effects),
    ...checkVerdicts(history, effects, engineRemembers),
    ...checkOverlap(history, effects),
    ...checkLogs(history, effects),
  ]
  const figures = { ticks: ticks.expected, ...figuresOf(history, effects, blackouts) }
  return { violations, figures, latest: latestRows(history, blackouts) }
}

/** Each due time of each revision of a cronjob's schedule, until the next one took over, has exactly one row. */
function checkTicks(history: History): { expected: number; violations: Violation[] } {
  const violations: Violation[] = []
  const rows = new Map<string, number>()
  for (const run of history.runs.filter(({ trigger }) => BY_SCHEDULE.has(trigger))) {
    const key = `${run.cronjobId} ${run.dueAtMs}`
    rows.set(key, (rows.get(key) ?? 0) + 1)
  }
  let expected = 0
  for (const { revision, untilMs } of spans(history)) {
    const schedule = parseSchedule(revision.schedule)
    for (const tick of ticksBetween(schedule, revision.timezone, revision.createdAtMs, untilMs)) {
      expected += 1
      const key = `${revision.cronjobId} ${tick.at}`
      const count = rows.get(key) ?? 0
      rows.delete(key)
      const at = `${revision.cronjobId} at ${new Date(tick.at).toISOString()}`
      if (count === 0) violations.push(violation('tick-lost', at))
      if (count > 1) violations.push(violation('tick-doubled', `${at}: ${count} rows`))
    }
  }
  for (const key of rows.keys()) violations.push(violation('tick-invented', key))
  return { expected, violations }
}

/**
 * Each revision with the time until which it held. A change has the time when its transaction began, and may then wait
 * for a server that is claiming a tick of the old schedule: that tick still belongs to the old one. The last revision of
 * a cronjob must name no time within the test.
 */
function spans(history: History): { revision: RevisionRow; untilMs: number }[] {
  const lastDue = new Map<string, number>()
  for (const { cronjobId, revision, dueAtMs } of history.runs) {
    const key = `${cronjobId} ${revision}`
    lastDue.set(key, Math.max(dueAtMs, lastDue.get(key) ?? 0))
  }
  return history.revisions.flatMap((revision) => {
    const next = history.revisions.find(
      (other) => other.cronjobId === revision.cronjobId && other.revision === revision.revision + 1,
    )
    if (next === undefined) return []
    const last = lastDue.get(`${revision.cronjobId} ${revision.revision}`) ?? 0
    const waited = last > next.createdAtMs && last <= next.createdAtMs + LONGEST_CHANGE_MS
    return [{ revision, untilMs: waited ? last : next.createdAtMs }]
  })
}

function checkUnits(history: History, effects: Effects): Violation[] {
  const known = new Map(history.runs.map((run) => [run.id, run]))
  return [...effects.values()].flatMap((effect) => {
    const { run, attempt } = parseUnitName(effect.name)
    const found: Violation[] = []
    if (effect.starts > 1) found.push(violation('unit-doubled', `${effect.name} was started ${effect.starts} times`))
    if (attempt > (known.get(run)?.attempt ?? 0)) found.push(violation('unit-unknown', effect.name))
    return found
  })
}

/** What was recorded of each attempt and of the run against the code that the unit really ended with. */
function checkVerdicts(history: History, effects: Effects, engineRemembers: boolean): Violation[] {
  const runs = new Map(history.runs.map((run) => [run.id, run]))
  const last = new Map(history.attempts.map((attempt) => [attempt.runId, attempt]))
  const found = history.attempts.flatMap((attempt) => {
    const effect = effects.get(unitNameOf(attempt.runId, attempt.number))
    const complaint = judgeAttempt(attempt, effect, engineRemembers)
    if (complaint === null) return []
    const rule = attempt.outcome === 'lost' ? 'lost-without-cause' : 'wrong-verdict'
    return [violation(rule, `${attempt.runId} attempt ${attempt.number} ${complaint}`)]
  })
  for (const run of runs.values()) {
    const attempt = last.get(run.id)
    const ended = run.state === 'succeeded' || run.state === 'failed' || run.state === 'lost'
    if (!ended) continue
    const agrees = attempt?.number === run.attempt && attempt.outcome === run.state && attempt.exitCode === run.exitCode
    if (!agrees) found.push(violation('wrong-verdict', `${run.id} is ${run.state}, its last attempt says otherwise`))
  }
  return found
}

function judgeAttempt(attempt: AttemptRecord, effect: Effect | undefined, engineRemembers: boolean): string | null {
  const { outcome, exitCode, message } = attempt
  const said = `is recorded as ${outcome} with code ${exitCode} (${message})`
  if (outcome === 'cancelled') return null
  if (outcome === 'lost') {
    return engineRemembers && effect && effect.exitCode !== null
      ? `${said}, the unit ended with ${effect.exitCode}`
      : null
  }
  if (effect === undefined) return `${said}, its unit was never started`
  if (effect.exitCode !== exitCode) return `${said}, the unit ended with ${effect.exitCode}`
  return (exitCode === 0) === (outcome === 'succeeded') ? null : said
}

/** Cronjobs of every policy but `allow`: no two of their units at the same time. */
function checkOverlap(history: History, effects: Effects): Violation[] {
  const exclusive = new Set(history.revisions.filter((row) => row.concurrency !== 'allow').map((row) => row.cronjobId))
  const cronjobOf = new Map(history.runs.map((run) => [run.id, run.cronjobId]))
  const byCronjob = new Map<string, Effect[]>()
  for (const effect of effects.values()) {
    const cronjob = cronjobOf.get(parseUnitName(effect.name).run)
    if (cronjob === undefined || !exclusive.has(cronjob) || effect.startedAtMs === null) continue
    byCronjob.set(cronjob, [...(byCronjob.get(cronjob) ?? []), effect])
  }
  return [...byCronjob.values()].flatMap((units) => {
    const ordered = units.toSorted((a, b) => (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0))
    return ordered.flatMap((unit, index) => {
      const before = ordered[index - 1]
      return before && before.endedAtMs > (unit.startedAtMs ?? 0)
        ? [violation('overlap', `${before.name} and ${unit.name}`)]
        : []
    })
  })
}

/** The lines that a unit printed stand in its attempt's log in order, each once; the numbers of all lines have no gap. */
function checkLogs(history: History, effects: Effects): Violation[] {
  const found: Violation[] = []
  const runs = new Map(history.runs.map((run) => [run.id, run]))
  for (const effect of effects.values()) {
    if (effect.printed === null) continue
    const { run, attempt } = parseUnitName(effect.name)
    const lines = history.logLines.get(run) ?? []
    const stored = lines.filter((line) => line.attempt === attempt && line.stream === 'stdout').map((line) => line.text)
    const counts = new Map<string, number>()
    for (const text of stored) counts.set(text, (counts.get(text) ?? 0) + 1)
    const lost = effect.printed.filter((text) => !counts.has(text))
    const doubled = [...counts].filter(([, count]) => count > 1).map(([text]) => text)
    const { state, reason } = runs.get(run) ?? {}
    if (lost.length > 0) found.push(violation('log-lost', `${effect.name} (${state} ${reason}): ${lost.join(', ')}`))
    if (doubled.length > 0) found.push(violation('log-doubled', `${effect.name}: ${doubled.join(', ')}`))
  }
  for (const [run, lines] of history.logLines) {
    const gap = lines.findIndex((line, index) => line.line !== index + 1)
    if (gap !== -1) found.push(violation('log-lost', `${run}: its line ${gap + 1} has the number ${lines[gap]?.line}`))
  }
  return found
}

/** Runs of ticks that were due while somebody was there. */
function ticksInTheLight({ runs }: History, blackouts: readonly Blackout[]): RunRecord[] {
  const inTheLight = ({ dueAtMs }: RunRecord): boolean =>
    !blackouts.some(({ fromMs, untilMs }) => dueAtMs >= fromMs && dueAtMs <= untilMs)
  return runs.filter((run) => BY_SCHEDULE.has(run.trigger) && inTheLight(run))
}

/** Without the time in which nobody was there: a tick may be due in the last moment before all servers die. */
function rowLateness({ createdAtMs, dueAtMs }: RunRecord, blackouts: readonly Blackout[]): number {
  const dark = blackouts.map(({ fromMs, untilMs }) => Math.min(untilMs, createdAtMs) - Math.max(fromMs, dueAtMs))
  return createdAtMs - dueAtMs - dark.reduce((sum, overlapMs) => sum + Math.max(0, overlapMs), 0)
}

function latestRows(history: History, blackouts: readonly Blackout[]): string[] {
  const lateness = (run: RunRecord): number => rowLateness(run, blackouts)
  const rows = ticksInTheLight(history, blackouts).toSorted((a, b) => lateness(b) - lateness(a))
  return rows
    .slice(0, 10)
    .map((run) => `${run.id} due ${new Date(run.dueAtMs).toISOString()}: ${Math.round(lateness(run))} ms late`)
}

function figuresOf(history: History, effects: Effects, blackouts: readonly Blackout[]): Omit<Figures, 'ticks'> {
  const bySchedule = ticksInTheLight(history, blackouts)
  const rows = sorted(bySchedule.map((run) => rowLateness(run, blackouts)))
  const starts = sorted(bySchedule.flatMap((run) => (run.startedAtMs === null ? [] : [run.startedAtMs - run.dueAtMs])))
  return {
    runsEnded: history.runs.filter((run) => FINAL.has(run.state)).length,
    unitsStarted: [...effects.values()].reduce((sum, effect) => sum + effect.starts, 0),
    lostRuns: history.runs.filter((run) => run.state === 'lost').length,
    logLines: [...history.logLines.values()].reduce((sum, lines) => sum + lines.length, 0),
    rowLatenessMaxMs: Math.round(rows.at(-1) ?? 0),
    rowLatenessP99Ms: Math.round(rows[Math.floor(rows.length * 0.99)] ?? 0),
    startLatenessMaxMs: Math.round(starts.at(-1) ?? 0),
    startLatenessP99Ms: Math.round(starts[Math.floor(starts.length * 0.99)] ?? 0),
  }
}

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)

const violation = (rule: Rule, detail: string): Violation => ({ rule, detail })

/** `panda-<run id with - for _>-<attempt>` */
export function unitNameOf(run: string, attempt: number): string {
  return `panda-${run.replace('_', '-')}-${attempt}`
}

function parseUnitName(name: string): { run: string; attempt: number } {
  const match = /^panda-run-(.+)-(\d+)$/.exec(name)
  return { run: `run_${match?.[1] ?? ''}`, attempt: Number(match?.[2] ?? 0) }
}
