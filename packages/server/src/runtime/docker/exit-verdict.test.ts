import { describe, expect, it } from 'vitest'
import type { EngineHistory, ExitRecord } from './exit-verdict.ts'
import { judgeExit } from './exit-verdict.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000)

function record(change: Partial<ExitRecord> = {}): ExitRecord {
  return {
    code: 0,
    outOfMemory: false,
    startedAt: at(100),
    finishedAt: at(200),
    engineGraceMs: 10_000,
    ...change,
  }
}

function history(change: Partial<EngineHistory> = {}): EngineHistory {
  return { startedAt: at(0), away: null, stopsContainers: true, ...change }
}

describe('judgeExit', () => {
  const cases: [string, Partial<ExitRecord>, Partial<EngineHistory>, 'exited' | 'lost'][] = [
    ['an end under one engine process is the program’s own', {}, {}, 'exited'],
    ['… also with the codes that engines write', { code: 255 }, {}, 'exited'],
    ['… and by a signal', { code: 137 }, {}, 'exited'],
    ['nothing known of the engine', { code: 143 }, { startedAt: null }, 'exited'],
    ['0 while the engine dealt with what was left: a handled SIGTERM', {}, { startedAt: at(200.5) }, 'lost'],
    ['42 in the same place', { code: 42 }, { startedAt: at(201) }, 'lost'],
    ['just outside the start-up of the engine', {}, { startedAt: at(215.1) }, 'exited'],
    ['just inside, with its grace', {}, { startedAt: at(214.9) }, 'lost'],
    ['a longer grace of the unit', { engineGraceMs: 60_000 }, { startedAt: at(260) }, 'lost'],
    [
      '3 while the engine was seen to be away',
      { code: 3 },
      { startedAt: at(600), away: { since: at(190), until: at(600) } },
      'lost',
    ],
    [
      '3 before the engine went away',
      { code: 3 },
      { startedAt: at(600), away: { since: at(201), until: at(600) } },
      'exited',
    ],
    [
      '3 after an older absence than the engine’s last one',
      { code: 3 },
      { startedAt: at(600), away: { since: at(50), until: at(60) } },
      'exited',
    ],
    ['255 from a former life of the engine', { code: 255 }, { startedAt: at(600) }, 'lost'],
    ['137 from a former life, nobody knows by whom', { code: 137 }, { startedAt: at(600) }, 'lost'],
    ['143 from a former life', { code: 143 }, { startedAt: at(600) }, 'lost'],
    ['137 from a former life by lack of memory', { code: 137, outOfMemory: true }, { startedAt: at(600) }, 'exited'],
    ['live-restore keeps containers: the code is real', {}, { startedAt: at(201), stopsContainers: false }, 'exited'],
    ['… but 255 is not', { code: 255 }, { startedAt: at(201), stopsContainers: false }, 'lost'],
    ['an end after the restart', {}, { startedAt: at(150) }, 'exited'],
    ['a unit that never started', { startedAt: null, finishedAt: null, code: 127 }, { startedAt: at(201) }, 'exited'],
  ]
  it.each(cases)('%s', (_name, change, past, kind) => {
    const exit = judgeExit(record(change), history(past))
    expect(exit.kind).toBe(kind)
    if (exit.kind === 'exited') expect(exit.code).toBe(change.code ?? 0)
    else expect(exit.detail).toContain(`exit code ${change.code ?? 0}`)
  })
})
