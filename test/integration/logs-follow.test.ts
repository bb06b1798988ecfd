import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { followLog } from '../../packages/server/src/logs/follow.ts'
import { LogStore } from '../../packages/server/src/logs/log-store.ts'
import type { LogChunk } from '../../packages/server/src/runtime/driver.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { type Listener, openListener } from '../../packages/server/src/store/listen.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

let database: MigratedDatabase
let listener: Listener
let store: LogStore

beforeAll(async () => {
  database = await migratedDatabase()
  listener = await openListener(database.url, (error) => {
    throw error
  })
  store = new LogStore({ db: database.db, log: { warn: () => undefined } })
})

afterAll(async () => {
  await listener.close()
  await database[Symbol.asyncDispose]()
})

async function insertRun(): Promise<string> {
  const id = newId('run')
  const now = new Date()
  const names = { id, project_id: database.projectId, cronjob_id: newId('cj'), revision: 1, trigger: 'manual' as const }
  await database.db
    .insertInto('runs')
    .values({ ...names, state: 'running', due_at: now, available_at: now, attempt: 1 })
    .execute()
  return id
}

async function endRun(id: string, finishedAt = new Date()): Promise<void> {
  await database.db
    .updateTable('runs')
    .set({ state: 'succeeded', finished_at: finishedAt })
    .where('id', '=', id)
    .execute()
}

function chunk(index: number): LogChunk {
  return { stream: 'stdout', time: new Date(index), text: `line ${index}`, endOfLine: true, cursor: String(index) }
}

describe('followLog', () => {
  it('gives lines as they come, from a line on, and ends with the run and its log', async () => {
    const runId = await insertRun()
    const writer = await store.writer(runId, 1)
    for (let index = 1; index <= 3; index += 1) await writer.write(chunk(index))
    await writer.flush()
    const lines = followLog({ db: database.db, listener }, runId, { after: 1, signal: new AbortController().signal })
    const next = async (): Promise<string | undefined> => {
      const result = await lines.next()
      return result.done === true ? undefined : result.value.text
    }
    expect([await next(), await next()]).toEqual(['line 2', 'line 3'])
    const waiting = next()
    await writer.write(chunk(4))
    const began = performance.now()
    expect(await waiting).toBe('line 4')
    expect(performance.now() - began).toBeLessThan(3000)
    // The run's end alone is not the end of its log.
    await endRun(runId)
    await writer.write(chunk(5))
    await writer.close({ complete: true })
    expect(await next()).toBe('line 5')
    expect(await next()).toBeUndefined()
  })

  it('reads more than a page to its end, once', async () => {
    const runId = await insertRun()
    const writer = await store.writer(runId, 1)
    for (let index = 1; index <= 2500; index += 1) await writer.write(chunk(index))
    await writer.close({ complete: true })
    await endRun(runId)
    const numbers: number[] = []
    const signal = new AbortController().signal
    for await (const line of followLog({ db: database.db, listener }, runId, { signal })) numbers.push(line.line)
    expect(numbers).toEqual(Array.from({ length: 2500 }, (_, index) => index + 1))
  })

  it('ends at its signal and stops listening', async () => {
    const runId = await insertRun()
    const ended = new AbortController()
    const handlers = new Set<unknown>()
    const counting = {
      on(...args: Parameters<Listener['on']>) {
        const stop = listener.on(...args)
        handlers.add(stop)
        return () => {
          handlers.delete(stop)
          stop()
        }
      },
    }
    const lines = followLog({ db: database.db, listener: counting }, runId, { signal: ended.signal })
    const next = lines.next()
    await expect.poll(() => handlers.size).toBe(2)
    ended.abort()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(handlers.size).toBe(0)
  })

  it('does not wait for ever for the log of a server that died', async () => {
    const runId = await insertRun()
    const writer = await store.writer(runId, 1)
    await writer.write(chunk(1))
    await writer.close({ complete: false })
    await endRun(runId, new Date(Date.now() - 60_000))
    const texts: string[] = []
    const signal = new AbortController().signal
    for await (const line of followLog({ db: database.db, listener }, runId, { signal })) texts.push(line.text)
    expect(texts).toEqual(['line 1'])
  })

  it('ends at once for a run whose unit never ran', async () => {
    const runId = await insertRun()
    await endRun(runId)
    const signal = new AbortController().signal
    const began = performance.now()
    expect(await followLog({ db: database.db, listener }, runId, { signal }).next()).toMatchObject({ done: true })
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('ends at once for a run that does not exist', async () => {
    const signal = new AbortController().signal
    expect(await followLog({ db: database.db, listener }, 'run_none', { signal }).next()).toMatchObject({ done: true })
  })
})
