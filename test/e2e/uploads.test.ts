import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts'
import { type RedisServer, startRedisServer } from '../support/redis.ts'
import { waitFor } from '../support/wait-for.ts'

/** The article's second pattern as its example: real processes, real stores, one of the workers killed. */

const folder = join(import.meta.dirname, '../../examples/uploads')

let database: FreshDatabase
let redis: RedisServer
const children: ChildProcess[] = []

beforeEach(async () => {
  database = await freshDatabase()
  redis = await startRedisServer()
})
afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGKILL')
  await redis.stop()
  await database.drop()
})

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exited) as [number | null]
  return code
}

async function start(file: string, says: string, env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await waitFor(`${file} to say "${says}"`, () => {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}:\n${output}`)
    return output.includes(says)
  })
  return child
}

function picture(width: number, height: number): Buffer {
  const png = new PNG({ width, height })
  for (let at = 0; at < png.data.length; at++) png.data[at] = at % 4 === 3 ? 255 : (at * 7) % 256
  return PNG.sync.write(png)
}

describe.each(['redis', 'postgres'])('uploads with the queue on %s', (store) => {
  const env = (): Record<string, string> => (store === 'redis' ? { REDIS_URL: redis.url } : {})

  async function startApi(): Promise<{ url: string; child: ChildProcess }> {
    const port = await freePort()
    const child = await start('api.js', 'listening on', { ...env(), PORT: String(port) })
    return { url: `http://127.0.0.1:${port}`, child }
  }

  async function upload(url: string, body: Buffer): Promise<{ jobId: string; fileId: string }> {
    const headers = { 'content-type': 'image/png', 'x-user-id': 'me' }
    const answer = await fetch(`${url}/uploads`, { method: 'POST', headers, body: new Uint8Array(body) })
    expect(answer.status).toBe(200)
    return (await answer.json()) as { jobId: string; fileId: string }
  }

  async function stateOf(url: string, jobId: string): Promise<string> {
    return ((await (await fetch(`${url}/jobs/${jobId}`)).json()) as { state: string }).state
  }

  it('answers at once, works later, notifies once, and stops when told', async () => {
    const { url, child } = await startApi()
    const { jobId, fileId } = await upload(url, picture(200, 100))
    expect(await stateOf(url, jobId)).toBe('queued')
    const worker = await start('worker.js', 'working', env())
    await waitFor('the job to succeed', async () => (await stateOf(url, jobId)) === 'succeeded')
    const thumbnail = PNG.sync.read(Buffer.from(await (await fetch(`${url}/thumbnails/${fileId}`)).arrayBuffer()))
    expect([thumbnail.width, thumbnail.height]).toEqual([64, 32])
    expect(await (await fetch(`${url}/notifications/me`)).json()).toEqual([{ fileId }])
    expect(await end(worker, 'SIGTERM')).toBe(0)
    expect(await end(child, 'SIGTERM')).toBe(0)
  })

  it('loses nothing and notifies once when a worker is killed in the middle', async () => {
    const { url } = await startApi()
    const body = picture(600, 600)
    const uploads = await Promise.all(Array.from({ length: 30 }, () => upload(url, body)))
    const victim = await start('worker.js', 'working', env())
    await waitFor('the first thumbnail', async () => (await fetch(`${url}/notifications/me`).then(count)) > 0)
    await end(victim, 'SIGKILL')
    await start('worker.js', 'working', env())
    for (const { jobId } of uploads) {
      await waitFor('the job to succeed', async () => (await stateOf(url, jobId)) === 'succeeded', 60_000)
    }
    const notified = (await (await fetch(`${url}/notifications/me`)).json()) as { fileId: string }[]
    expect(notified.map(({ fileId }) => fileId).toSorted()).toEqual(uploads.map(({ fileId }) => fileId).toSorted())
  })
})

async function count(answer: Response): Promise<number> {
  return ((await answer.json()) as unknown[]).length
}
