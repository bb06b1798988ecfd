import { expect } from 'vitest'
import type { LogChunk, RuntimeDriver } from '../driver.ts'
import type { SuiteContext } from './harness-contract.ts'
import { numbered, readLogs, runToEnd, textOf } from './harness-contract.ts'

const RESUME_LINES = 15
const RANDOM_LINES = 400
const LONG_LINE_BYTES = 100_000

/** What was written: complete, once, in order per stream, from any cursor. */
export const logTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'keeps both streams apart, each in order, with times': async (context) => {
    const unit = context.unit({ kind: 'lines', count: 50 })
    const exit = await runToEnd(context, unit)
    const chunks = await readLogs(context.driver, unit.name)
    expect(textOf(chunks, 'stdout')).toBe(numbered('out', 50))
    expect(textOf(chunks, 'stderr')).toBe(numbered('err', 50))
    const slackMs = context.driver.capabilities.logTimeResolutionMs + 1000
    for (const stream of ['stdout', 'stderr'] as const) {
      const times = chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.time.getTime())
      expect(times).toEqual([...times].sort((a, b) => a - b))
      for (const time of times) {
        expect(time).toBeGreaterThanOrEqual((exit.startedAt?.getTime() ?? 0) - slackMs)
        expect(time).toBeLessThanOrEqual((exit.finishedAt?.getTime() ?? 0) + slackMs)
      }
    }
  },

  'follows a running unit line by line until it exits': async (context) => {
    const unit = context.unit({ kind: 'ticks', count: 4, everyMs: 400 })
    await context.driver.start(unit)
    let runningAtFirst: string | undefined
    const chunks: LogChunk[] = []
    for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) {
      chunks.push(chunk)
      runningAtFirst ??= (await context.driver.inspect(unit.name))?.state
    }
    expect(runningAtFirst).toBe('running')
    expect(textOf(chunks)).toBe(numbered('tick', 4))
    expect(await context.driver.inspect(unit.name)).toMatchObject({ state: 'exited' })
  },

  'ends a read without follow at what is there': async (context) => {
    const unit = context.unit({ kind: 'trap-term', code: 0 })
    await context.driver.start(unit)
    for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) {
      if (chunk.text === 'ready') break
    }
    expect(textOf(await readLogs(context.driver, unit.name))).toBe('ready\n')
    expect(await context.driver.inspect(unit.name)).toMatchObject({ state: 'running' })
    await context.driver.remove(unit.name)
  },

  'reads exactly the rest from every cursor': async (context) => {
    const unit = context.unit({ kind: 'lines', count: RESUME_LINES })
    await runToEnd(context, unit)
    const all = await readLogs(context.driver, unit.name)
    expect(all).toHaveLength(RESUME_LINES * 2)
    for (const [index, chunk] of all.entries()) {
      const both = [...all.slice(0, index + 1), ...(await readLogs(context.driver, unit.name, chunk.cursor))]
      expect(textOf(both, 'stdout')).toBe(numbered('out', RESUME_LINES))
      expect(textOf(both, 'stderr')).toBe(numbered('err', RESUME_LINES))
    }
  },

  'goes on exactly where a follower was cut off, again and again': async (context) => {
    const unit = context.unit({ kind: 'lines', count: RANDOM_LINES })
    await context.driver.start(unit)
    const chunks = await readInPieces(context.driver, unit.name, 37)
    expect(textOf(chunks, 'stdout')).toBe(numbered('out', RANDOM_LINES))
    expect(textOf(chunks, 'stderr')).toBe(numbered('err', RANDOM_LINES))
  },

  'follows a unit that has exited, to its end': async (context) => {
    const unit = context.unit({ kind: 'lines', count: 3 })
    await runToEnd(context, unit)
    const chunks = await readLogs(context.driver, unit.name, null, true)
    expect(textOf(chunks)).toBe(numbered('out', 3))
    const last = chunks.at(-1)?.cursor ?? null
    expect(await readLogs(context.driver, unit.name, last, true)).toEqual([])
  },

  'marks a last line that was never ended': async (context) => {
    const unit = context.unit({ kind: 'unfinished-line' })
    await runToEnd(context, unit)
    const chunks = await readLogs(context.driver, unit.name)
    expect(chunks.map(({ text, endOfLine }) => ({ text, endOfLine }))).toEqual([
      { text: 'first', endOfLine: true },
      { text: 'unfinished', endOfLine: false },
    ])
  },

  'gives a very long line in parts, whole and once': async (context) => {
    const unit = context.unit({ kind: 'long-line', bytes: LONG_LINE_BYTES })
    await runToEnd(context, unit)
    const chunks = await readLogs(context.driver, unit.name)
    expect(textOf(chunks)).toBe(`${'x'.repeat(LONG_LINE_BYTES)}\n`)
    expect(chunks.filter((chunk) => chunk.endOfLine)).toHaveLength(1)
    for (const [index, chunk] of chunks.entries()) {
      const both = [...chunks.slice(0, index + 1), ...(await readLogs(context.driver, unit.name, chunk.cursor))]
      expect(textOf(both)).toBe(`${'x'.repeat(LONG_LINE_BYTES)}\n`)
    }
  },

  'replaces bytes that are no text': async (context) => {
    const unit = context.unit({ kind: 'binary' })
    await runToEnd(context, unit)
    expect(textOf(await readLogs(context.driver, unit.name))).toMatch(/^a\uFFFD+b\n$/)
  },

  'reads nothing from a unit that is gone': async (context) => {
    const unit = context.unit({ kind: 'exit', code: 0 })
    expect(await readLogs(context.driver, unit.name)).toEqual([])
    expect(await readLogs(context.driver, unit.name, null, true)).toEqual([])
  },
}

/** Reads at most so many chunks at a time and begins again from the last cursor. */
async function readInPieces(driver: RuntimeDriver, name: string, most: number): Promise<LogChunk[]> {
  const chunks: LogChunk[] = []
  for (;;) {
    const before = chunks.length
    for await (const chunk of driver.logs(name, { after: chunks.at(-1)?.cursor ?? null, follow: true })) {
      chunks.push(chunk)
      if (chunks.length - before === most) break
    }
    if (chunks.length - before < most) return chunks
  }
}
