import { describe, expect, it, beforeAll, afterAll } from 'vitest'
import { LogStore } from '../../packages/server/src/logs/log-store.ts'
import { commitLog, openForWriting } from '../../packages/server/src/logs/log-statements.ts'
import { LogBatch } from '../../packages/server/src/logs/log-batch.ts'
import { StaleLogWriterError } from '../../packages/server/src/logs/log-types.ts'
import { collectLogs } from '../../packages/server/src/logs/collect.ts'
import { createRedactor } from '../../packages/server/src/logs/redact.ts'
import { RuntimeError, type LogChunk } from '../../packages/server/src/runtime/driver.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

let database: MigratedDatabase
let store: LogStore

const log = { warn: () => undefined }
const NEVER = new AbortController().signal

beforeAll(async () => {
  database = await migratedDatabase()
  store = new LogStore({ db: database.db, log })
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

function chunk(index: number, text: string, more: Partial<LogChunk> = {}): LogChunk {
  return {
    stream: 'stdout',
    time: new Date(1_700_000_000_000 + index),
    text,
    endOfLine: true,
    cursor: String(index),
    ...more,
  }
}

/** A unit with this output; each reader is cut off after `cutAfter()` chunks by an engine outage. */
function scriptedDriver(chunks: readonly LogChunk[], cutAfter: () => number = () => Number.POSITIVE_INFINITY) {
  return {
    inspect: () => Promise.resolve({ state: 'created' as const }),
    async *logs(_name: string, options: { after: string | null }) {
      let left = cutAfter()
      for (const one of chunks.slice(options.after === null ? 0 : Number(options.after) + 1)) {
        if (left <= 0) throw new RuntimeError('engine-away', 'cut off')
        left -= 1
        yield await Promise.resolve(one)
      }
    },
  }
}

async function allTexts(runId: string, stream?: 'stdout' | 'stderr'): Promise<string[]> {
  const texts: string[] = []
  for (let after: number | null = 0; after !== null;) {
    const page = await store.page(runId, { after, stream })
    texts.push(...page.items.map((line) => line.text))
    after = page.nextAfter
  }
  return texts
}

describe('LogStore', () => {
  it('numbers lines over all attempts and gives them back as they were', async () => {
    const runId = newId('run')
    const first = await store.writer(runId, 1)
    expect(first.cursor).toBeNull()
    await first.write(chunk(0, 'one'))
    await first.write(chunk(1, 'nul \0 and \u001b[31mred', { stream: 'stderr' }))
    await first.mark('a note')
    await first.close({ complete: true })
    const second = await store.writer(runId, 2)
    expect(second.cursor).toBeNull()
    await second.write(chunk(5, 'again'))
    await second.close({ complete: true })
    const lines = await store.read(runId)
    expect(lines.map(({ line, attempt, stream, text }) => [line, attempt, stream, text])).toEqual([
      [1, 1, 'stdout', 'one'],
      [2, 1, 'stderr', 'nul \0 and \u001b[31mred'],
      [3, 1, 'panda', 'a note'],
      [4, 2, 'stdout', 'again'],
    ])
    expect(lines[0]?.time).toBe(new Date(1_700_000_000_000).toISOString())
    await expect(store.writer(runId, 1)).rejects.toBeInstanceOf(StaleLogWriterError)
  })

  it('stores an unfinished last line only when the unit is known to have ended', async () => {
    const runId = newId('run')
    const first = await store.writer(runId, 1)
    await first.write(chunk(0, 'half', { endOfLine: false }))
    await first.close({ complete: false })
    expect(await store.read(runId)).toEqual([])
    const second = await store.writer(runId, 1)
    await second.write(chunk(0, 'half', { endOfLine: false }))
    await second.close({ complete: true })
    expect(await allTexts(runId)).toEqual(['half'])
  })

  it('finds lines by after, tail, since, attempt, stream and limit, over many chunks', async () => {
    const runId = newId('run')
    const small = new LogStore({ db: database.db, log, limits: { batchLines: 7 } })
    for (const attempt of [1, 2]) {
      const writer = await small.writer(runId, attempt)
      for (let index = 0; index < 500; index += 1) {
        await writer.write(
          chunk(index + (attempt - 1) * 1000, `${attempt}-${index}`, { stream: index % 2 ? 'stderr' : 'stdout' }),
        )
      }
      await writer.close({ complete: true })
    }
    const numbers = async (query: Parameters<LogStore['read']>[1]) =>
      (await store.read(runId, query)).map((l) => l.line)
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
    expect(await numbers({})).toEqual(range(1, 1000))
    expect(await numbers({ after: 993 })).toEqual(range(994, 1000))
    expect(await numbers({ after: 10, limit: 5 })).toEqual(range(11, 15))
    expect(await numbers({ after: 1000 })).toEqual([])
    expect(await numbers({ tail: 9 })).toEqual(range(992, 1000))
    expect(await numbers({ tail: 0 })).toEqual([])
    expect(await numbers({ tail: 5000 })).toEqual(range(1, 1000))
    expect(await numbers({ tail: 3, stream: 'stdout' })).toEqual([995, 997, 999])
    expect(await numbers({ tail: 3, attempt: 1 })).toEqual([498, 499, 500])
    expect(await numbers({ tail: 30, after: 997 })).toEqual([998, 999, 1000])
    expect(await numbers({ attempt: 2, limit: 2 })).toEqual([501, 502])
    expect(await numbers({ stream: 'stderr', limit: 2, after: 500 })).toEqual([502, 504])
    expect(await numbers({ since: new Date(1_700_000_000_000 + 1495) })).toEqual(range(996, 1000))
    expect(await store.page(runId, { limit: 10 })).toMatchObject({ nextAfter: 10 })
    expect(await store.page(runId, { after: 990, limit: 10 })).toMatchObject({ nextAfter: null })
    expect(await store.read('run_unknown')).toEqual([])
  })

  it('refuses the writer that another one has replaced', async () => {
    const runId = newId('run')
    const old = await store.writer(runId, 1)
    await old.write(chunk(0, 'first'))
    await old.flush()
    const young = await store.writer(runId, 1)
    expect(young.cursor).toBe('0')
    await old.write(chunk(1, 'second, by the old one'))
    await expect(old.flush()).rejects.toBeInstanceOf(StaleLogWriterError)
    await expect(old.write(chunk(2, 'third'))).rejects.toBeInstanceOf(StaleLogWriterError)
    await young.write(chunk(1, 'second'))
    await young.close({ complete: true })
    expect(await allTexts(runId)).toEqual(['first', 'second'])
  })

  it('lets only one of many writers add lines', async () => {
    const runId = newId('run')
    const writers = await Promise.all(Array.from({ length: 8 }, () => store.writer(runId, 1)))
    const ends = await Promise.allSettled(
      writers.map(async (writer, index) => {
        await writer.write(chunk(0, `by ${index}`))
        await writer.close({ complete: true })
      }),
    )
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(1)
    expect(await allTexts(runId)).toHaveLength(1)
  })

  it('does not store twice what was stored though the database said otherwise', async () => {
    const runId = newId('run')
    const opened = await openForWriting(database.db, runId, 1, 'token')
    const batch = new LogBatch(1, 1)
    batch.add({ stream: 'stdout', timeMs: 0, text: 'once', after: null }, 5)
    const counters = { expectedLines: 0, droppedLines: 0, droppedBytes: 0, complete: false, notify: true }
    const commit = { runId, token: 'token', batch, memory: opened.memory, ...counters }
    await commitLog(database.db, commit)
    await commitLog(database.db, commit)
    expect(await allTexts(runId)).toEqual(['once'])
    await expect(commitLog(database.db, { ...commit, expectedLines: 5 })).rejects.toBeInstanceOf(StaleLogWriterError)
  })

  it('stores by itself within a moment', async () => {
    const runId = newId('run')
    const writer = await store.writer(runId, 1)
    await writer.write(chunk(0, 'soon'))
    await expect.poll(() => allTexts(runId)).toEqual(['soon'])
    await writer.close({ complete: false })
  })
})

describe('collectLogs', () => {
  it('gives every line once over outages of the engine and deaths of the server at random points', async () => {
    let seed = 42
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return seed % below
    }
    for (let round = 0; round < 12; round += 1) {
      const chunks = Array.from({ length: 400 }, (_, index) =>
        chunk(index, random(4) === 0 ? 'the secret-value here' : `part ${index}`, {
          stream: random(3) === 0 ? 'stderr' : 'stdout',
          endOfLine: random(5) > 0,
        }),
      )
      const expected = await collected(chunks)
      const runId = newId('run')
      // A server that dies leaves its writer as it is; what that still sends is refused once another has opened the log.
      for (let death = 0; death < 6; death += 1) {
        const writer = await store.writer(runId, 1)
        const redactor = createRedactor(['secret-value'])
        const from = writer.cursor === null ? 0 : Number(writer.cursor) + 1
        for (const one of chunks.slice(from, from + random(120))) await writer.write(redactor.redact(one))
        if (random(2) === 0) await writer.flush()
      }
      const writer = await store.writer(runId, 1)
      const driver = scriptedDriver(chunks, () => 20 + random(200))
      const redactor = createRedactor(['secret-value'])
      const clock = { now: Date.now, sleep: () => Promise.resolve() }
      expect(await collectLogs({ driver, unit: 'u', writer, redactor, signal: NEVER, clock })).toBe('complete')
      expect(await allTexts(runId, 'stdout')).toEqual(expected.stdout)
      expect(await allTexts(runId, 'stderr')).toEqual(expected.stderr)
    }
  })

  async function collected(chunks: readonly LogChunk[]): Promise<{ stdout: string[]; stderr: string[] }> {
    const runId = newId('run')
    const writer = await store.writer(runId, 1)
    const redactor = createRedactor(['secret-value'])
    await collectLogs({ driver: scriptedDriver(chunks), unit: 'u', writer, redactor, signal: NEVER })
    const [stdout, stderr] = [await allTexts(runId, 'stdout'), await allTexts(runId, 'stderr')]
    for (const text of [...stdout, ...stderr]) expect(text).not.toContain('secret-value')
    const lines = (stream: string) => chunks.filter((one) => one.stream === stream && one.endOfLine).length
    expect(stdout.length).toBeGreaterThanOrEqual(lines('stdout'))
    expect(stdout.join('') + stderr.join('')).toContain('[redacted]')
    return { stdout, stderr }
  }

  it('marks the place where the engine threw output away', async () => {
    const runId = newId('run')
    const writer = await store.writer(runId, 1)
    const driver = scriptedDriver([chunk(0, 'before'), chunk(1, 'after', { gapBefore: true })])
    await collectLogs({ driver, unit: 'u', writer, redactor: createRedactor([]), signal: NEVER })
    const lines = await store.read(runId)
    expect(lines.map(({ stream }) => stream)).toEqual(['stdout', 'panda', 'stdout'])
    expect(lines[1]?.text).toContain('output is missing here')
  })

  it('marks that a unit is gone', async () => {
    const runId = newId('run')
    const writer = await store.writer(runId, 1)
    const driver = { ...scriptedDriver([]), inspect: () => Promise.resolve(null) }
    expect(await collectLogs({ driver, unit: 'u', writer, redactor: createRedactor([]), signal: NEVER })).toBe('gone')
    expect(await store.read(runId)).toMatchObject([{ stream: 'panda' }])
  })

  it('stops at its signal, keeps what it read and is not complete', async () => {
    const runId = newId('run')
    const ended = new AbortController()
    const writer = await store.writer(runId, 1)
    const driver = {
      ...scriptedDriver([]),
      async *logs() {
        yield chunk(0, 'one')
        ended.abort()
        await Promise.resolve()
        ended.signal.throwIfAborted()
      },
    }
    const redactor = createRedactor([])
    expect(await collectLogs({ driver, unit: 'u', writer, redactor, signal: ended.signal })).toBe('aborted')
    expect(await allTexts(runId)).toEqual(['one'])
    const row = await database.db
      .selectFrom('run_logs')
      .select('complete')
      .where('run_id', '=', runId)
      .executeTakeFirst()
    expect(row).toEqual({ complete: false })
  })
})
