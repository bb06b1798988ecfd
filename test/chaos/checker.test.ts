import { describe, expect, it } from 'vitest'
import { check, type Rule, unitNameOf } from './checker.ts'
import type { Effect, Effects } from './effects.ts'
import type { History, RunRecord } from './history.ts'

const START = Date.UTC(2026, 0, 1)
const SECOND = 1000
const RUNS = ['run_a', 'run_b', 'run_c'] as const

/** Three ticks of one cronjob, all well: the third fails with code 3 and prints two lines. */
function goodHistory(concurrency = 'allow'): History {
  const revision = { cronjobId: 'cj', timezone: 'UTC', concurrency }
  return {
    revisions: [
      { ...revision, revision: 1, schedule: '* * * * * *', createdAtMs: START + 500 },
      { ...revision, revision: 2, schedule: '0 0 29 2 *', createdAtMs: START + 3500 },
    ],
    runs: RUNS.map((id, index) => ({
      id,
      cronjobId: 'cj',
      revision: 1,
      trigger: 'schedule',
      state: index === 2 ? 'failed' : 'succeeded',
      reason: index === 2 ? 'exit-code' : null,
      attempt: 1,
      lostAttempts: 0,
      exitCode: index === 2 ? 3 : 0,
      dueAtMs: START + (index + 1) * SECOND,
      createdAtMs: START + (index + 1) * SECOND + 10,
      startedAtMs: START + (index + 1) * SECOND + 20,
    })),
    attempts: RUNS.map((runId, index) => ({
      runId,
      number: 1,
      outcome: index === 2 ? 'failed' : 'succeeded',
      exitCode: index === 2 ? 3 : 0,
      message: null,
    })),
    logLines: new Map([
      [
        'run_c',
        [
          { line: 1, attempt: 1, stream: 'stdout', text: 'out 1' },
          { line: 2, attempt: 1, stream: 'stdout', text: 'out 2' },
        ],
      ],
    ]),
  }
}

function goodEffects(): Map<string, Effect> {
  return new Map(
    RUNS.map((id, index) => {
      const name = unitNameOf(id, 1)
      const startedAtMs = START + (index + 1) * SECOND + 15
      const printed = index === 2 ? ['out 1', 'out 2'] : []
      const exitCode = index === 2 ? 3 : 0
      return [name, { name, starts: 1, exitCode, startedAtMs, endedAtMs: startedAtMs + 100, printed }]
    }),
  )
}

const rulesOf = (history: History, effects: Effects, options = {}): Rule[] =>
  check(history, effects, options).violations.map((each) => each.rule)

function withRun(change: Partial<RunRecord>, id = 'run_a'): History {
  const history = goodHistory()
  return { ...history, runs: history.runs.map((run) => (run.id === id ? { ...run, ...change } : run)) }
}

function withEffect(change: Partial<Effect>, id = 'run_a'): Effects {
  const effects = goodEffects()
  const name = unitNameOf(id, 1)
  const effect = effects.get(name)
  if (effect) effects.set(name, { ...effect, ...change })
  return effects
}

describe('the checker', () => {
  it('finds nothing where all is well, and tells the figures', () => {
    const { violations, figures } = check(goodHistory(), goodEffects())
    expect(violations).toEqual([])
    expect(figures).toMatchObject({ ticks: 3, runsEnded: 3, unitsStarted: 3, logLines: 2, rowLatenessMaxMs: 10 })
  })

  it('a due time without a row', () => {
    const history = goodHistory()
    expect(rulesOf({ ...history, runs: history.runs.slice(1) }, goodEffects())).toContain('tick-lost')
  })

  it('a due time with two rows', () => {
    expect(rulesOf(withRun({ dueAtMs: START + 2 * SECOND }), goodEffects())).toEqual(['tick-lost', 'tick-doubled'])
  })

  it('a row at a time that the schedule does not name', () => {
    expect(rulesOf(withRun({ dueAtMs: START + 1500 }), goodEffects())).toEqual(['tick-lost', 'tick-invented'])
  })

  it('knows the tick that a change of the schedule had to wait for, but none behind a gap', () => {
    const tick = (dueAtMs: number): History => {
      const history = withRun({})
      const [first] = history.runs
      const [attempt] = history.attempts
      if (!first || !attempt) throw new Error('the history is empty')
      const runs = [...history.runs, { ...first, id: 'run_d', dueAtMs, createdAtMs: dueAtMs + 10 }]
      return { ...history, runs, attempts: [...history.attempts, { ...attempt, runId: 'run_d' }] }
    }
    const name = unitNameOf('run_d', 1)
    const unit = { name, starts: 1, exitCode: 0, startedAtMs: START, endedAtMs: START, printed: null }
    const effects = goodEffects().set(name, unit)
    expect(rulesOf(tick(START + 4 * SECOND), effects)).toEqual([])
    expect(rulesOf(tick(START + 5 * SECOND), effects)).toEqual(['tick-lost'])
  })

  it('a run that was left in the middle', () => {
    expect(rulesOf(withRun({ state: 'running' }), goodEffects())).toEqual(['not-ended'])
  })

  it('a unit that was started twice, and one of an attempt that nobody knows', () => {
    expect(rulesOf(goodHistory(), withEffect({ starts: 2 }))).toEqual(['unit-doubled'])
    const name = unitNameOf('run_a', 2)
    const effects = goodEffects().set(name, {
      name,
      starts: 1,
      exitCode: 0,
      startedAtMs: START,
      endedAtMs: START,
      printed: null,
    })
    expect(rulesOf(goodHistory(), effects)).toEqual(['unit-unknown'])
  })

  it('an outcome that is not what the unit did', () => {
    expect(rulesOf(goodHistory(), withEffect({ exitCode: 4 }))).toEqual(['wrong-verdict'])
    expect(rulesOf(goodHistory(), new Map())).toEqual(['wrong-verdict', 'wrong-verdict', 'wrong-verdict'])
    expect(rulesOf(withRun({ exitCode: 9 }), goodEffects())).toEqual(['wrong-verdict'])
  })

  it('lost without a cause, unless the engine itself has forgotten', () => {
    const history = goodHistory()
    const lost = {
      ...history,
      runs: history.runs.map((run) => (run.id === 'run_a' ? { ...run, state: 'lost', exitCode: null } : run)),
      attempts: history.attempts.map((attempt) =>
        attempt.runId === 'run_a' ? { ...attempt, outcome: 'lost', exitCode: null } : attempt,
      ),
    }
    expect(rulesOf(lost, goodEffects())).toEqual(['lost-without-cause'])
    expect(rulesOf(lost, goodEffects(), { engineRemembers: false })).toEqual([])
    expect(check(lost, goodEffects()).figures.lostRuns).toBe(1)
  })

  it('two units at the same time against the policy', () => {
    const effects = withEffect({ endedAtMs: START + 5 * SECOND })
    expect(rulesOf(goodHistory('forbid'), effects)).toEqual(['overlap'])
    expect(rulesOf(goodHistory('allow'), effects)).toEqual([])
  })

  it('lines that are lost, doubled or numbered with a gap', () => {
    const good = goodHistory()
    const [first, second] = good.logLines.get('run_c') ?? []
    if (!first || !second) throw new Error('the history has lost its lines')
    const withLines = (lines: (typeof first)[]): History => ({ ...good, logLines: new Map([['run_c', lines]]) })
    expect(rulesOf(withLines([first]), goodEffects())).toEqual(['log-lost'])
    expect(rulesOf(withLines([first, second, { ...second, line: 3 }]), goodEffects())).toEqual(['log-doubled'])
    expect(rulesOf(withLines([first, { ...second, line: 3 }]), goodEffects())).toEqual(['log-lost'])
  })

  it('leaves out the lateness of what was due while nobody was there', () => {
    const late = withRun({ createdAtMs: START + 9 * SECOND })
    expect(check(late, goodEffects()).figures.rowLatenessMaxMs).toBe(8000)
    const blackouts = [{ fromMs: START + 900, untilMs: START + 1100 }]
    expect(check(late, goodEffects(), { blackouts }).figures.rowLatenessMaxMs).toBe(10)
  })

  it('does not count the time when nobody was there for what was due right before', () => {
    const late = withRun({ createdAtMs: START + 9 * SECOND })
    const blackouts = [{ fromMs: START + 1050, untilMs: START + 8500 }]
    expect(check(late, goodEffects(), { blackouts }).figures.rowLatenessMaxMs).toBe(550)
  })
})
