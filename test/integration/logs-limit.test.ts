import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LogLine } from '../../packages/contract/src/index.ts'
import { collectLogs } from '../../packages/server/src/logs/collect.ts'
import { LogStore } from '../../packages/server/src/logs/log-store.ts'
import { createRedactor } from '../../packages/server/src/logs/redact.ts'
import type { LogChunk } from '../../packages/server/src/runtime/driver.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

let database: MigratedDatabase

const log = { warn: () => undefined }
const LIMITS = { headBytes: 10_000, attemptBytes: 500, tailBytes: 1000, batchLines: 20 }

beforeAll(async () => {
  database = await migratedDatabase()
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

/** 100 bytes with its line end. */
function chunk(index: number): LogChunk {
  const text = `line ${String(index).padStart(94, '0')}`
  return { stream: 'stdout', time: new Date(index), text, endOfLine: true, cursor: String(index) }
}

async function everything(store: LogStore, runId: string): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for (let after: number | null = 0; after !== null;) {
    const page = await store.page(runId, { after })
    lines.push(...page.items)
    after = page.nextAfter
  }
  return lines
}

function numbersOf(lines: readonly LogLine[]): number[] {
  return lines.filter((line) => line.stream === 'stdout').map((line) => Number(line.text.slice(5)))
}

function marksOf(lines: readonly LogLine[]): string[] {
  return lines.filter((line) => line.stream === 'panda').map((line) => line.text)
}

describe('a log over its limit', () => {
  const head = Array.from({ length: 100 }, (_, index) => index)
  const tail = Array.from({ length: 10 }, (_, index) => 990 + index)
  const marks = [
    'log limit of 10000 reached: from here on lines are counted, the last 1000 are kept for the end',
    'log limit of 10000 reached: 890 lines (89000 bytes) are not stored; the last 10 lines follow',
  ]

  it('keeps its beginning and its end, and says what is missing', async () => {
    const store = new LogStore({ db: database.db, log, limits: LIMITS })
    const runId = newId('run')
    const writer = await store.writer(runId, 1)
    for (let index = 0; index < 1000; index += 1) await writer.write(chunk(index))
    await writer.close({ complete: true })
    const lines = await everything(store, runId)
    expect(numbersOf(lines)).toEqual([...head, ...tail])
    expect(marksOf(lines)).toEqual(marks)
    expect(lines[100]?.stream).toBe('panda')
    expect(lines[101]?.stream).toBe('panda')
    expect(lines.map((line) => line.line)).toEqual(lines.map((_, index) => index + 1))
  })

  it('says the same when its writers die and are replaced all the time', async () => {
    const store = new LogStore({ db: database.db, log, limits: LIMITS })
    const runId = newId('run')
    for (let death = 0; death < 40; death += 1) {
      const writer = await store.writer(runId, 1)
      const from = writer.cursor === null ? 0 : Number(writer.cursor) + 1
      for (let index = from; index < Math.min(1000, from + 37); index += 1) await writer.write(chunk(index))
      if (death % 3 > 0) await writer.flush()
    }
    const writer = await store.writer(runId, 1)
    for (let index = Number(writer.cursor) + 1; index < 1000; index += 1) await writer.write(chunk(index))
    await writer.close({ complete: true })
    const lines = await everything(store, runId)
    expect(numbersOf(lines)).toEqual([...head, ...tail])
    expect(marksOf(lines)).toEqual(marks)
  })

  it('leaves room for the beginning of a retry, and says what a dead writer left out', async () => {
    const store = new LogStore({ db: database.db, log, limits: LIMITS })
    const runId = newId('run')
    const first = await store.writer(runId, 1)
    for (let index = 0; index < 300; index += 1) await first.write(chunk(index))
    await first.flush()
    const second = await store.writer(runId, 2)
    for (let index = 0; index < 8; index += 1) await second.write(chunk(index))
    await second.close({ complete: true })
    const lines = (await everything(store, runId)).filter((line) => line.attempt === 2)
    expect(marksOf(lines)[0]).toBe(
      'the log of attempt 1 may lack its end; at least 190 lines (19000 bytes) are not stored: the log limit was reached',
    )
    expect(numbersOf(lines)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(marksOf(lines)).toHaveLength(3)
  })
})

describe('100 MB from one run', () => {
  it('goes through with little memory and a visible mark', async () => {
    const total = 1_000_000
    const store = new LogStore({ db: database.db, log })
    const runId = newId('run')
    const driver = {
      inspect: () => Promise.resolve({ state: 'created' as const }),
      async *logs() {
        for (let index = 0; index < total; index += 1) yield chunk(index)
      },
    }
    const secrets = Array.from({ length: 100 }, (_, index) => `secret number ${index}`)
    const writer = await store.writer(runId, 1)
    const before = process.memoryUsage.rss()
    let highest = before
    const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 20)
    const began = performance.now()
    const signal = new AbortController().signal
    try {
      await collectLogs({ driver, unit: 'u', writer, redactor: createRedactor(secrets), signal })
    } finally {
      clearInterval(watch)
    }
    const tookMs = performance.now() - began
    const grownMiB = Math.round((highest - before) / 1024 / 1024)
    console.info(`100 MB through the pipeline: ${Math.round(tookMs)} ms, memory + ${grownMiB} MiB`)
    expect(grownMiB).toBeLessThan(250)
    expect(tookMs).toBeLessThan(60_000)

    const newest = await store.read(runId, { tail: 3000 })
    expect(newest.at(-1)?.text).toBe(chunk(total - 1).text)
    const [first, second] = marksOf(newest)
    expect(first).toMatch(/^log limit of 32Mi reached: /)
    const missing =
      /^log limit of 32Mi reached: (\d+) lines \((\d+) bytes\) are not stored; the last (\d+) lines follow$/
    const [, lines, bytes, kept] = (missing.exec(second ?? '') ?? []).map(Number)
    const row = await database.db
      .selectFrom('run_logs')
      .selectAll()
      .where('run_id', '=', runId)
      .executeTakeFirstOrThrow()
    expect(row.lines - 2 + (lines ?? 0)).toBe(total)
    expect(bytes).toBe((lines ?? 0) * 100)
    expect(kept).toBe(2621)
    expect(row.bytes).toBeLessThan(34 * 1024 * 1024)
    expect(row.complete).toBe(true)
  })
})
