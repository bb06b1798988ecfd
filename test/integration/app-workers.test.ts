import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AppDetail, DeployApp } from '../../packages/contract/src/index.ts'
import { noteTold } from '../../packages/server/src/apps/readiness.ts'
import { runInProcess } from '../support/cli-io.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Several queues and subscriptions in one instance: when it is ready, and what became of what they held. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const A = { of: 'queue a', worker: '1.1' }
const B = { of: 'subscription b', worker: '1.2' }
const tell = (kind: string, who: object, more: object = {}) => ['tell', JSON.stringify({ kind, ...who, ...more })]
const both = [...tell('starting', A), ...tell('starting', B), ...tell('registered', A)]
const deploy = (name: string, body: DeployApp) => server.api.ok<AppDetail>('POST', `/v1/apps/${name}/deploys`, body)
const get = (name: string) => server.api.ok<AppDetail>('GET', `/v1/apps/${name}`)

function reached(name: string, what: (app: AppDetail) => boolean): Promise<AppDetail> {
  return vi.waitUntil(
    async () => {
      const app = await get(name)
      return what(app) ? app : undefined
    },
    { timeout: 60_000, interval: 50 },
  )
}

/** Its only instance, from the first word that is heard of it on. */
async function heard(name: string): Promise<{ id: string; workers: object; drain_held: number | null }> {
  const app = await get(name)
  return vi.waitUntil(
    async () => {
      const rows = await server.db
        .selectFrom('app_instances')
        .select(['id', 'workers', 'drain_held'])
        .where('app_id', '=', app.id)
        .execute()
      const [row] = rows as { id: string; workers: object; drain_held: number | null }[]
      return row !== undefined && Object.keys(row.workers).length > 0 ? row : undefined
    },
    { timeout: 60_000, interval: 50 },
  )
}

describe.concurrent('an instance with a queue and a subscription', () => {
  it('is ready when both have registered', async () => {
    const command = [...both, ...tell('registered', B), 'forever']
    await deploy('both', { image: 'x', command, ready: 'registered' })
    expect((await reached('both', ({ state }) => state === 'ready')).ready).toBe(1)
  })

  it.each(['registered', 'auto'] as const)(
    'is not ready by one of them (ready: %s), and the deploy names the other',
    async (ready) => {
      const name = `one-${ready}`
      // Longer than an instance that says nothing has to run.
      await deploy(name, { image: 'x', command: [...both, 'forever'], ready, readyTimeout: '7s' })
      const failed = await reached(name, ({ state }) => state === 'failed')
      expect(failed.deploy.message).toBe('0 of 1 instances were ready within 7s; not registered: subscription b')
    },
  )

  it('becomes ready by the word of the last one, and stays so when one starts or registers later', async () => {
    await deploy('late', { image: 'x', command: [...both, 'forever'], ready: 'registered' })
    const { id } = await heard('late')
    await vi.waitFor(async () => expect(Object.keys((await heard('late')).workers)).toHaveLength(2))
    expect((await get('late')).ready).toBe(0)
    await noteTold(server.db, id, 1, { kind: 'registered', ...B })
    await reached('late', ({ state }) => state === 'ready')
    await noteTold(server.db, id, 1, { kind: 'starting', of: 'queue c', worker: '1.3' })
    await noteTold(server.db, id, 1, { kind: 'registered', ...A })
    expect((await get('late')).ready).toBe(1)
  })

  it('is ready by the one word of an older SDK', async () => {
    await deploy('older', { image: 'x', command: ['register', 'forever'], ready: 'registered' })
    await reached('older', ({ state }) => state === 'ready')
  })

  it('begins anew at each start', async () => {
    await deploy('anew', { image: 'x', command: [...both, 'after', '3s'], ready: 'registered' })
    const { id } = await heard('anew')
    await noteTold(server.db, id, 1, { kind: 'draining', of: 'queue c', worker: '1.3', held: 5 })
    expect((await heard('anew')).drain_held).toBe(5)
    await reached('anew', ({ instances }) => (instances[0]?.restarts ?? 0) > 0)
    await noteTold(server.db, id, 1, { kind: 'draining', of: 'queue c', worker: '1.3', held: 5 })
    const now = await heard('anew')
    expect([now.id, now.drain_held, Object.keys(now.workers)]).toEqual([
      id,
      null,
      expect.not.arrayContaining(['queue c 1.3']),
    ])
  })
})

describe.concurrent('a deploy says what became of what the old instances held', () => {
  const draining = [...tell('registered', A), ...tell('draining', A, { held: 3 }), ...tell('draining', B, { held: 2 })]
  async function replaced(name: string, command: readonly string[]) {
    await deploy(name, { image: 'x', command: [...command], ready: 'registered', drain: '200ms' })
    await reached(name, ({ state }) => state === 'ready')
    const env = { PANDA_URL: server.url, PANDA_TOKEN: server.token }
    const argv = ['app', 'deploy', name, '--env', 'NEXT=1', '--', 'register', 'forever']
    const { code, stdout } = await runInProcess(argv, { env })
    expect(code).toBe(0)
    return { stdout, drained: (await get(name)).deploy.drained }
  }

  it('that was killed while it drained: what is not accounted for is lost to its lease', async () => {
    const { stdout, drained } = await replaced('killed', [...draining, 'ignore-term', 'forever'])
    expect(drained).toEqual({ instances: 1, stopping: 0, finished: 0, handedBack: 0, lost: 5, killed: 1 })
    expect(stdout).toContain(
      '0 finished, 0 handed back, 5 lost with them: they come again when their leases end; 1 had to be killed',
    )
  })

  it('of which one worker had drained', async () => {
    const command = [...draining, ...tell('drained', A, { finished: 2, handedBack: 1 }), 'ignore-term', 'forever']
    const { drained } = await replaced('half', command)
    expect(drained).toMatchObject({ finished: 2, handedBack: 1, lost: 2, killed: 1 })
  })

  it('that drained to the end: nothing is lost', async () => {
    const ends = [
      ...tell('drained', A, { finished: 2, handedBack: 1 }),
      ...tell('drained', B, { finished: 2, handedBack: 0 }),
    ]
    const { stdout, drained } = await replaced('whole', [...draining, ...ends, 'forever'])
    expect(drained).toEqual({ instances: 1, stopping: 0, finished: 4, handedBack: 1, lost: 0, killed: 0 })
    expect(stdout).toContain('1 of 1 old instances have ended; 4 finished, 1 handed back.')
  })

  it('that said nothing: nobody knows', async () => {
    const { drained } = await replaced('mute', ['register', 'forever'])
    expect(drained).toEqual({ instances: 1, stopping: 0, finished: null, handedBack: null, lost: null, killed: 0 })
  })
})
