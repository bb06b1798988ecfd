import { type CronjobSpec, isFinal, type RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import { parseFakeProgram } from '../../../packages/server/src/runtime/fake/fake-program.ts'
import { unitName } from '../../../packages/server/src/runtime/driver.ts'
import type { Database } from '../../../packages/server/src/store/database.ts'

/** What the engine itself knows of what happened: its own log of effects. */
export interface EngineLog {
  /** Starts by unit name, of removed units too. */
  readonly starts: ReadonlyMap<string, number>
  /** Units whose end it has lost. */
  readonly forgotten: ReadonlySet<string>
  readonly left: readonly string[]
}

/** A server was told that the end it had recorded counts. */
export interface Acceptance {
  readonly unit: string
  readonly serverId: string
}

interface Attempt {
  readonly number: number
  readonly outcome: string
  readonly reason: string | null
  readonly message: string | null
  readonly exit_code: number | null
}

interface Run {
  readonly id: string
  readonly name: string
  readonly state: RunState
  readonly reason: string | null
  readonly attempt: number
  readonly max_attempts: number
  readonly exit_code: number | null
  readonly finished_at: Date | null
  readonly spec: CronjobSpec
  readonly attempts: readonly Attempt[]
}

/** Compares what is on record with what the engine did. Reads the database and the engine's log, nothing else. */
export async function checkRuns(
  db: Database,
  engine: EngineLog,
  accepted: readonly Acceptance[],
): Promise<{ runs: number; mistakes: string[] }> {
  const runs = await readRuns(db)
  const mistakes = engine.left.map((unit) => `${unit} is left on the engine`)
  const known = new Set<string>()
  for (const run of runs) {
    const names = run.attempts.map(({ number }) => unitName(run.id, number))
    for (const name of names) known.add(name)
    // A run that is ended by hand while the engine may have a unit of its next attempt.
    if (run.state === 'cancelled') known.add(unitName(run.id, run.attempt + 1))
    mistakes.push(...checkRun(run, engine).map((text) => `${run.name} ${run.id} (${run.state}): ${text}`))
  }
  for (const [unit, count] of engine.starts) {
    if (count > 1) mistakes.push(`${unit} was started ${count} times`)
    if (!known.has(unit)) mistakes.push(`${unit} was started and no attempt tells of it`)
  }
  mistakes.push(...checkAccepted(accepted))
  return { runs: runs.length, mistakes }
}

/** One accepted result per attempt. */
function checkAccepted(accepted: readonly Acceptance[]): string[] {
  const byUnit = new Map<string, string[]>()
  for (const { unit, serverId } of accepted) byUnit.set(unit, [...(byUnit.get(unit) ?? []), serverId])
  return [...byUnit]
    .filter(([, servers]) => servers.length > 1)
    .map(([unit, servers]) => `the end of ${unit} was accepted from ${servers.join(' and ')}`)
}

function checkRun(run: Run, engine: EngineLog): string[] {
  const mistakes: string[] = []
  if (!isFinal(run.state)) mistakes.push('has not ended')
  if ((run.finished_at === null) === isFinal(run.state)) mistakes.push('its end and its state do not agree')
  const numbers = run.attempts.map(({ number }) => number)
  if (numbers.some((number, n) => number !== n + 1)) mistakes.push(`its attempts are ${numbers.join()}`)
  if (numbers.length !== run.attempt) mistakes.push(`is at attempt ${run.attempt} of ${numbers.length} on record`)
  mistakes.push(...checkOutcomes(run))
  for (const attempt of run.attempts) {
    const unit = unitName(run.id, attempt.number)
    const wrong = checkAttempt(run.spec, attempt, engine.starts.has(unit), engine.forgotten.has(unit))
    if (wrong !== null) {
      mistakes.push(`attempt ${attempt.number} of "${run.spec.command?.join(' ')}" is ${said(attempt)}: ${wrong}`)
    }
  }
  return mistakes
}

/** The last attempt decides, and only those before it are followed by another one. */
function checkOutcomes({ attempts, state, exit_code, max_attempts }: Run): string[] {
  const mistakes: string[] = []
  const last = attempts.at(-1)
  const early = attempts.slice(0, -1).filter(({ outcome }) => outcome !== 'failed' && outcome !== 'lost')
  if (early.length > 0) mistakes.push(`went on after ${early.map(said).join()}`)
  if (attempts.filter(({ outcome }) => outcome === 'failed').length > max_attempts) mistakes.push('failed too often')
  if (last === undefined) {
    if (['succeeded', 'failed', 'lost'].includes(state)) mistakes.push('ended so without an attempt')
  } else if (state !== 'cancelled') {
    if (last.outcome !== state || last.exit_code !== exit_code) mistakes.push(`its last attempt is ${said(last)}`)
  }
  return mistakes
}

/** @returns what is wrong, if anything is */
function checkAttempt(spec: CronjobSpec, attempt: Attempt, started: boolean, forgotten: boolean): string | null {
  const { outcome, reason, exit_code: code } = attempt
  const program = parseFakeProgram({ entrypoint: null, command: spec.command, env: {} })
  if (code !== null && !started) return 'nothing was started'
  switch (reason) {
    case null:
    case 'exit-code':
    case 'signal':
    case 'out-of-memory':
      if (forgotten) return 'the engine does not know how it ended'
      if (!Number.isFinite(program.durationMs) || program.lost) return 'it never ends by itself with a code'
      return code === program.exitCode && (outcome === 'succeeded') === (code === 0) ? null : 'it ended otherwise'
    case 'timeout':
    case 'by-hand':
    case 'replaced':
      return [null, 137, program.termCode, program.exitCode].includes(code) ? null : 'nothing of ours ends it so'
    case 'lost':
      return forgotten || (program.lost && started) ? null : 'the engine knows how it ended'
    default:
      return 'no such end was made here'
  }
}

function said({ outcome, reason, exit_code, message }: Attempt): string {
  return `${outcome}/${reason}/${exit_code} (${message})`
}

async function readRuns(db: Database): Promise<Run[]> {
  const { rows } = await sql<Run>`
    select r.id, c.name, r.state, r.reason, r.attempt, r.max_attempts, r.exit_code, r.finished_at, v.spec,
      coalesce((
        select json_agg(json_build_object('number', a.number, 'outcome', a.outcome, 'reason', a.reason,
          'message', a.message, 'exit_code', a.exit_code) order by a.number)
        from attempts a where a.run_id = r.id
      ), '[]') as attempts
    from runs r join cronjobs c on c.id = r.cronjob_id
    join cronjob_revisions v on v.cronjob_id = r.cronjob_id and v.revision = r.revision order by r.id`.execute(db)
  return rows
}
