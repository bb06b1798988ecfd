import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { sql } from 'kysely'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { LogStore } from '../../packages/server/src/logs/log-store.ts'
import type { LogChunk, UnitSpec } from '../../packages/server/src/runtime/driver.ts'
import { createProcessDriver } from '../../packages/server/src/runtime/process/process-driver.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'

const KILLS = 6
const LINES = 4000

const silent = { warn: () => undefined }

function chunk(index: number): LogChunk {
  return { stream: 'stdout', time: new Date(index), text: `line ${index}`, endOfLine: true, cursor: String(index) }
}

/** Nobody may connect to the database any more, and who is connected is thrown out. */
async function setReachable(url: string, reachable: boolean): Promise<void> {
  const other = new URL(url)
  const name = other.pathname.slice(1)
  other.pathname = '/postgres'
  const admin = new Client({ connectionString: other.href })
  await admin.connect()
  try {
    await admin.query(`alter database ${name} allow_connections ${reachable}`)
    if (!reachable)
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  } finally {
    await admin.end()
  }
}

it('waits for a database that is away, with what it holds, and stores it once', async () => {
  await using database = await migratedDatabase()
  const db = openDatabase(database.url, { onError: () => undefined })
  let tries = 0
  const log = { warn: () => void (tries += 1) }
  const store = new LogStore({ db, log, limits: { flushMs: 20 } })
  const runId = newId('run')
  const writer = await store.writer(runId, 1)
  await writer.write(chunk(1))
  await writer.flush()
  await setReachable(database.url, false)
  for (let index = 2; index <= 50; index += 1) await writer.write(chunk(index))
  await expect.poll(() => tries).toBeGreaterThan(1)
  await setReachable(database.url, true)
  await writer.close({ complete: true })
  expect((await store.read(runId)).map((line) => line.line)).toEqual(
    Array.from({ length: 50 }, (_, index) => index + 1),
  )
  await db.destroy()
})

it('opens a log as soon as a database that was away is back', async () => {
  await using database = await migratedDatabase()
  const db = openDatabase(database.url, { onError: () => undefined })
  let tries = 0
  const store = new LogStore({ db, log: { warn: () => void (tries += 1) } })
  const runId = newId('run')
  await setReachable(database.url, false)
  const opening = store.writer(runId, 1)
  await expect.poll(() => tries).toBeGreaterThan(1)
  await setReachable(database.url, true)
  const writer = await opening
  await writer.write(chunk(1))
  await writer.close({ complete: true })
  expect(await store.read(runId)).toHaveLength(1)
  await db.destroy()
})

it('waits for a database that is away longer than it tries what is refused', async () => {
  await using database = await migratedDatabase()
  const url = new URL(database.url)
  await using proxy = await tcpProxy(Number(url.port))
  url.host = `127.0.0.1:${proxy.port}`
  const db = openDatabase(url.href, { onError: () => undefined })
  let tries = 0
  const store = new LogStore({ db, log: { warn: () => void (tries += 1) }, limits: { retryForMs: 150, flushMs: 10 } })
  const runId = newId('run')
  const writer = await store.writer(runId, 1)
  proxy.cut()
  await writer.write(chunk(1))
  // The tries come 100, 200, 400 ms apart.
  await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(3)
  proxy.mend()
  await writer.write(chunk(2))
  await writer.close({ complete: true })
  expect((await store.read(runId)).map((line) => line.text)).toEqual(['line 1', 'line 2'])
  await db.destroy()
})

it('gives up by its limit or its signal, and the next writer goes on without a gap', async () => {
  await using database = await migratedDatabase()
  const db = openDatabase(database.url, { onError: () => undefined })
  const store = new LogStore({ db, log: silent, limits: { retryForMs: 200 } })
  const [refusedRun, stoppedRun] = [newId('run'), newId('run')]
  const ended = new AbortController()
  const refused = await store.writer(refusedRun, 1)
  const stopped = await store.writer(stoppedRun, 1, { signal: ended.signal })
  await sql`alter table log_chunks add constraint refuses check (false) not valid`.execute(database.db)
  await refused.write(chunk(1))
  await expect(refused.flush()).rejects.toThrow('refuses')
  await expect(refused.write(chunk(2))).rejects.toThrow('refuses')
  await sql`alter table log_chunks drop constraint refuses`.execute(database.db)
  await setReachable(database.url, false)
  await stopped.write(chunk(1))
  ended.abort()
  await expect(stopped.close({ complete: false })).rejects.toThrow()
  await setReachable(database.url, true)
  for (const runId of [refusedRun, stoppedRun]) {
    const next = await store.writer(runId, 1)
    expect(next.cursor).toBeNull()
    await next.write(chunk(1))
    await next.close({ complete: true })
    expect((await store.read(runId)).map((line) => line.text)).toEqual(['line 1'])
  }
  await db.destroy()
})

it('loses and doubles no line when the collecting process is killed again and again', async () => {
  await using database = await migratedDatabase()
  await using home = await tempDir('logs-kill')
  const driver = createProcessDriver({ home: home.path, log: silent })
  const runId = newId('run')
  const labels = { installation: 'i', project: 'p', kind: 'run' as const, resource: 'c', run: runId, attempt: 1 }
  // Parts of lines in both streams, so that it is killed inside lines too.
  const script = `
    let index = 0
    const timer = setInterval(() => {
      for (let many = 0; many < 10; many += 1) {
        index += 1
        process.stdout.write('out ' + index)
        process.stderr.write('err ' + index + ' hunter2-')
        process.stderr.write('password\\n')
        process.stdout.write(' end\\n')
        if (index === ${LINES}) return clearInterval(timer)
      }
    }, 10)`
  const program = { image: 'none', entrypoint: null, command: ['node', '-e', script] }
  const unit: UnitSpec = { name: 'collected', labels, ...program, env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
  await driver.start(unit)

  const source = (path: string) => JSON.stringify(new URL(`../../packages/server/src/${path}`, import.meta.url).href)
  const code = `
    import { openDatabase } from ${source('store/database.ts')}
    import { LogStore } from ${source('logs/log-store.ts')}
    import { collectLogs } from ${source('logs/collect.ts')}
    import { createRedactor } from ${source('logs/redact.ts')}
    import { createProcessDriver } from ${source('runtime/process/process-driver.ts')}
    const log = { warn() {} }
    const driver = createProcessDriver({ home: ${JSON.stringify(home.path)}, log })
    const db = openDatabase(${JSON.stringify(database.url)})
    const store = new LogStore({ db, log, limits: { flushMs: 5, batchLines: 7 } })
    const writer = await store.writer(${JSON.stringify(runId)}, 1)
    console.log('collecting')
    const redactor = createRedactor(['hunter2-password'])
    console.log(await collectLogs({ driver, unit: 'collected', writer, redactor, signal: new AbortController().signal, log }))
    await db.destroy()`
  const args = ['--import', 'tsx', '--conditions', 'source', '--input-type', 'module', '--eval', code]
  const collect = () => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })

  const stored = async () =>
    (await database.db.selectFrom('run_logs').select('lines').where('run_id', '=', runId).executeTakeFirst())?.lines ??
    0
  for (let kill = 0; kill < KILLS; kill += 1) {
    const collector = collect()
    await once(collector.stdout, 'data')
    const before = await stored()
    // Somewhere in the next lines, in the middle of whatever it does.
    await expect.poll(stored, { interval: 3, timeout: 20_000 }).toBeGreaterThan(before + kill * 13)
    collector.kill('SIGKILL')
    await once(collector, 'exit')
  }
  const last = collect()
  const said: string[] = []
  last.stdout.on('data', (data: Buffer) => said.push(data.toString()))
  await once(last, 'exit')
  expect(said.join('')).toBe('collecting\ncomplete\n')

  const store = new LogStore({ db: database.db, log: silent })
  const texts = { stdout: [] as string[], stderr: [] as string[] }
  for (let after: number | null = 0; after !== null;) {
    const page = await store.page(runId, { after, limit: 10_000 })
    for (const line of page.items) if (line.stream !== 'panda') texts[line.stream].push(line.text)
    after = page.nextAfter
  }
  const numbers = Array.from({ length: LINES }, (_, index) => index + 1)
  expect(texts.stdout).toEqual(numbers.map((index) => `out ${index} end`))
  expect(texts.stderr).toEqual(numbers.map((index) => `err ${index} [redacted]`))
  await driver.remove('collected')
})
