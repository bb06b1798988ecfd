import { describe, expect, it, test } from 'vitest'
import { checkQueue, type Mark, type QueueEvidence, type QueueRule } from './queue-checker.ts'

const T = 1_000_000
const BOUNDS = { startsPerSilence: 2, recoveryMs: 15_000, crashesUntilDead: 3, forgetsMs: 0 }
const ack = (n: number) => ({ n, id: `j${n}`, at: T + n })
const mark = (n: number, at: number, pid: number): Mark => ({ n, id: `j${n}`, at: T + at, pid })

/**
 * Four jobs. Worker 1 did the first and died with the second and third, of which it had done the third without its result
 * getting through; worker 2 started both again after 9 s and 11 s, and did the fourth.
 */
function good(): QueueEvidence {
  return {
    acks: [1, 2, 3, 4].map(ack),
    starts: [mark(1, 10, 1), mark(2, 60, 1), mark(3, 61, 1), mark(2, 9100, 2), mark(3, 11_100, 2), mark(4, 11_200, 2)],
    effects: [mark(1, 50, 1), mark(3, 90, 1), mark(2, 9150, 2), mark(3, 11_150, 2), mark(4, 11_250, 2)],
    silences: [{ kind: 'killed', pid: 1, from: T + 100, until: T + 110 }],
    outages: [],
    store: { accepted: ['j1', 'j2', 'j3', 'j4'], acceptances: 4, open: [], dead: [] },
    endedAt: T + 12_000,
  }
}

const rulesOf = (evidence: QueueEvidence): QueueRule[] => [
  ...new Set(checkQueue(evidence, BOUNDS).violations.map(({ rule }) => rule)),
]

it('has nothing to say of a run in which all promises were kept, and counts what it cost', () => {
  const { violations, figures } = checkQueue(good(), BOUNDS)
  expect(violations).toEqual([])
  expect(figures).toEqual({
    acknowledged: 4,
    lost: 0,
    stuck: 0,
    dead: 0,
    acceptedTwice: 0,
    jobsDoubled: 0,
    extraStarts: 2,
    extraEffects: 1,
    workersEnded: 0,
    extraStartsPerSilenceMax: 2,
    recoveries: 1,
    recoveryMedianMs: 11_000,
    recoveryMaxMs: 11_000,
    recoveryOverOutageMaxMs: 0,
    recoveryAfterOutageMaxMs: 0,
    unrecovered: 0,
  })
})

/** Takes a job out of what the handlers wrote. */
const without = (marks: readonly Mark[], n: number): Mark[] => marks.filter((each) => each.n !== n)

const planted: readonly (readonly [QueueRule, string, (run: QueueEvidence) => Partial<QueueEvidence>])[] = [
  [
    'lost',
    'a job that was acknowledged and never started',
    (run) => ({
      starts: without(run.starts, 4),
      effects: without(run.effects, 4),
      store: { ...run.store, accepted: ['j1', 'j2', 'j3'], acceptances: 3 },
    }),
  ],
  ['lost', 'a job that the store calls done, without an effect', (run) => ({ effects: without(run.effects, 4) })],
  [
    'stuck',
    'a job that still waits at the end',
    (run) => ({
      starts: without(run.starts, 4),
      effects: without(run.effects, 4),
      store: { accepted: ['j1', 'j2', 'j3'], acceptances: 3, open: ['j4'], dead: [] },
    }),
  ],
  [
    'dead',
    'a job that the store gave up',
    (run) => ({ store: { ...run.store, accepted: ['j1', 'j2', 'j3'], acceptances: 3, dead: ['j4'] } }),
  ],
  [
    'result-lost',
    'a job that was done, of which the store knows nothing',
    (run) => ({ store: { ...run.store, accepted: ['j1', 'j2', 'j3'], acceptances: 3 } }),
  ],
  [
    'accepted-twice',
    'an id that is listed twice',
    (run) => ({ store: { ...run.store, accepted: [...(run.store.accepted ?? []), 'j4'], acceptances: 5 } }),
  ],
  ['accepted-twice', 'more results counted than jobs listed', (run) => ({ store: { ...run.store, acceptances: 5 } })],
  [
    'job-doubled',
    'a second job for one add',
    (run) => ({ starts: [...run.starts, { ...mark(4, 11_300, 2), id: 'j4-again' }] }),
  ],
  [
    'job-doubled',
    'an accepted job of which nobody was told',
    (run) => ({ store: { ...run.store, accepted: [...(run.store.accepted ?? []), 'j9'], acceptances: 5 } }),
  ],
  [
    'job-doubled',
    'an add that was acknowledged with two ids',
    (run) => ({ acks: [...run.acks, { ...ack(4), id: 'j3' }] }),
  ],
  [
    'start-unexplained',
    'a job started again though its worker lived',
    (run) => ({ starts: [...run.starts, mark(4, 11_300, 2)] }),
  ],
  [
    'effect-twice',
    'a job done again though its worker lived',
    (run) => ({ effects: [...run.effects, mark(4, 11_300, 2)] }),
  ],
  [
    'starts-above-bound',
    'three jobs in the hands of a worker with two slots',
    (run) => ({
      starts: [...run.starts, mark(1, 11_300, 2)],
      effects: [...run.effects, mark(1, 11_350, 2)],
    }),
  ],
  [
    'worker-ended',
    'a process that nobody had killed',
    (run) => ({ silences: [...run.silences, { kind: 'ended', pid: 2, from: T + 11_300, until: T + 11_300 }] }),
  ],
  [
    'recovery-late',
    'a job started again 16 s after the death',
    (run) => ({ starts: [...without(run.starts, 3), mark(3, 61, 1), mark(3, 16_200, 2)] }),
  ],
  [
    'recovery-late',
    'a job that nobody took up again',
    (run) => ({
      starts: [...without(run.starts, 2), mark(2, 60, 1)],
      effects: without(run.effects, 2),
      store: { accepted: ['j1', 'j3', 'j4'], acceptances: 3, open: ['j2'], dead: [] },
    }),
  ],
]

describe('notices', () => {
  test.each(planted)('%s: %s', (rule, _what, change) => {
    const run = good()
    expect(rulesOf({ ...run, ...change(run) })).toContain(rule)
  })
})

describe('recovery', () => {
  const outage = { what: 'store', from: T + 500, until: T + 4100 } as const

  it('counts from the return of the store when that was away in between, and is told apart', () => {
    const { violations, figures } = checkQueue({ ...good(), outages: [outage] }, BOUNDS)
    expect(violations).toEqual([])
    expect(figures).toMatchObject({
      recoveryMaxMs: 0,
      recoveryOverOutageMaxMs: 11_000,
      recoveryAfterOutageMaxMs: 7000,
    })
  })

  it('is late when it takes too long from the return of the store', () => {
    const run = good()
    const starts = [...without(run.starts, 3), mark(3, 61, 1), mark(3, 19_200, 2)]
    expect(rulesOf({ ...run, starts, outages: [outage] })).toEqual(['recovery-late'])
    expect(rulesOf({ ...run, starts, outages: [{ ...outage, until: T + 4300 }] })).toEqual([])
  })

  it('takes no notice of an outage that was over before the death, or began after the last new start', () => {
    const outages = [
      { ...outage, from: T, until: T + 99 },
      { ...outage, from: T + 11_101, until: T + 11_900 },
    ]
    expect(checkQueue({ ...good(), outages }, BOUNDS).figures).toMatchObject({
      recoveryMaxMs: 11_000,
      recoveryOverOutageMaxMs: 0,
      recoveryAfterOutageMaxMs: 0,
    })
  })

  it('of a job that was never taken up again lasts until the end of the run, and is counted', () => {
    const run = good()
    const { figures } = checkQueue(
      { ...run, starts: run.starts.filter(({ n, pid }) => n !== 2 || pid === 1), effects: without(run.effects, 2) },
      BOUNDS,
    )
    expect(figures).toMatchObject({ recoveryMaxMs: 11_900, unrecovered: 1 })
  })

  it('of a frozen worker ends with what it does itself once it is back, if nobody else had taken the job', () => {
    const run = good()
    const { violations, figures } = checkQueue(
      {
        ...run,
        silences: [...run.silences, { kind: 'frozen', pid: 2, from: T + 11_220, until: T + 11_240 }],
      },
      BOUNDS,
    )
    expect(violations).toEqual([])
    expect(figures.recoveries).toBe(1)
  })
})

it('explains a second effect by a worker that stood still, and only from then on', () => {
  const run = good()
  const frozen = { kind: 'frozen', pid: 2, from: T + 11_230, until: T + 24_000 } as const
  const again = {
    ...run,
    starts: [...run.starts, mark(4, 22_000, 3)],
    effects: [...without(run.effects, 4), mark(4, 22_050, 3), mark(4, 24_010, 2)],
  }
  expect(rulesOf({ ...again, silences: [...run.silences, frozen] })).toEqual([])
  expect(rulesOf({ ...again, silences: [...run.silences, { ...frozen, from: T + 23_000 }] })).toContain(
    'start-unexplained',
  )
})

it('takes a new start for explained when the store was killed so soon after the claim that it may have forgotten it', () => {
  const run = good()
  const starts = [...run.starts, mark(4, 12_500, 2)]
  const rules = (killedAt: number, what: 'store' | 'cut' = 'store'): QueueRule[] => {
    const outages = [{ what, from: T + killedAt, until: T + killedAt + 500 }]
    const { violations } = checkQueue({ ...run, starts, outages }, { ...BOUNDS, forgetsMs: 1000 })
    return violations.map(({ rule }) => rule)
  }
  // Started first at 11,200.
  expect(rules(11_200)).toEqual([])
  expect(rules(12_199)).toEqual([])
  expect(rules(12_200)).toEqual(['start-unexplained'])
  expect(rules(11_199)).toEqual(['start-unexplained'])
  expect(rules(11_200, 'cut')).toEqual(['start-unexplained'])
})

describe('a job that was given up', () => {
  const silence = (pid: number, at: number) => ({ kind: 'killed', pid, from: T + at, until: T + at }) as const
  const silences = [silence(1, 100), silence(2, 20_000), silence(3, 30_000)]
  const run = (): QueueEvidence => ({
    ...good(),
    acks: [ack(1)],
    starts: [mark(1, 60, 1), mark(1, 9000, 2), mark(1, 29_000, 3)],
    effects: [],
    silences,
    store: { accepted: [], acceptances: 0, open: [], dead: ['j1'] },
    endedAt: T + 45_000,
  })

  it('is counted, and no violation when three workers have died with it', () => {
    const { violations, figures } = checkQueue(run(), BOUNDS)
    expect(violations).toEqual([])
    expect(figures).toMatchObject({ dead: 1, unrecovered: 0 })
  })

  it('is one when it was two', () => {
    const two = { ...run(), silences: silences.slice(0, 2) }
    expect(rulesOf(two)).toContain('dead')
  })
})
