import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AppDetail, Usage } from '../../packages/contract/src/index.ts'
import { setAway } from '../../packages/server/src/runtime/fake/directory-engine.ts'
import { runInProcess, type CliOptions } from '../support/cli-io.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Memory and CPU of instances, through a whole server and the command line, on the fake runtime. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await running('worker', ['memory', '48Mi', 'cores', '0.25', 'forever'], { replicas: 2, memory: '64Mi' })
  await running('mute', ['no-usage', 'it keeps its figures to itself', 'forever'])
  await server.api.ok('POST', '/v1/projects', { name: 'other' })
})
afterAll(() => server[Symbol.asyncDispose]())

async function running(name: string, command: readonly string[], more: object = {}, on = server): Promise<AppDetail> {
  await on.api.ok('POST', `/v1/apps/${name}/deploys`, { image: 'your-org/api:1', command, ...more })
  return vi.waitUntil(
    async () => {
      const found = await on.api.ok<AppDetail>('GET', `/v1/apps/${name}`)
      return found.instances.every(({ phase }) => phase === 'running') && found.instances.length > 0 ? found : undefined
    },
    { timeout: 30_000, interval: 50 },
  )
}

function panda(argv: readonly string[], options: CliOptions = {}) {
  return runInProcess(['app', ...argv], { ...options, env: { PANDA_URL: server.url, PANDA_TOKEN: server.token } })
}

const MIB = 1024 * 1024
const unknownOf = (items: Usage['items'], app: string) => items.filter((item) => item.app === app).map((i) => i.unknown)

describe('GET /v1/apps/:name/usage', () => {
  it('measures each running instance: bytes, cores in the window, CPU time so far', async () => {
    const { items } = await server.api.ok<Usage>('GET', '/v1/apps/worker/usage?window=200ms')
    const { instances } = await server.api.ok<AppDetail>('GET', '/v1/apps/worker')
    expect(items.map(({ id }) => id)).toEqual(instances.map(({ id }) => id))
    for (const item of items) {
      const { name = '' } = instances.find(({ id }) => id === item.id) ?? {}
      expect(item).toMatchObject({ app: 'worker', instance: name, revision: 1, unknown: null })
      expect([item.memoryBytes, item.memoryLimitBytes]).toEqual([48 * MIB, 64 * MIB])
      expect(item.cpuCores).toBeCloseTo(0.25, 2)
      expect(item.cpuSeconds).toBeGreaterThan(0)
    }
  })

  it('takes a window of 100ms to 10s, and no other', async () => {
    for (const window of ['99ms', '11s', 'soon']) {
      const { status } = await server.api.call('GET', `/v1/apps/worker/usage?window=${window}`)
      expect([window, status]).toEqual([window, 400])
    }
  })

  it('knows no app of another project', async () => {
    const client = await server.clientWith(['read'], 'other')
    expect((await client.call('GET', '/v1/apps/worker/usage')).status).toBe(404)
    expect(await client.ok<Usage>('GET', '/v1/usage')).toEqual({ items: [] })
  })
})

describe('GET /v1/usage', () => {
  it('measures all apps of the project; what one engine cannot say spoils nothing', async () => {
    const { items } = await server.api.ok<Usage>('GET', '/v1/usage?window=100ms')
    expect(items.map(({ app }) => app)).toEqual(['mute', 'worker', 'worker'])
    expect(unknownOf(items, 'mute')).toEqual(['it keeps its figures to itself'])
    expect(items[0]).toMatchObject({ memoryBytes: null, memoryLimitBytes: null, cpuCores: null, cpuSeconds: null })
    expect(unknownOf(items, 'worker')).toEqual([null, null])
  })

  it('says which containers are on the engine of another server', async () => {
    const { id } = await server.db
      .selectFrom('apps')
      .select('id')
      .where('name', '=', 'worker')
      .executeTakeFirstOrThrow()
    const here = await server.db
      .selectFrom('app_instances')
      .select(['id', 'engine_id'])
      .where('app_id', '=', id)
      .orderBy('slot')
      .execute()
    const moved = here[0]
    if (moved === undefined) throw new Error('there is no instance')
    const move = (engine: string | null) =>
      server.db.updateTable('app_instances').set({ engine_id: engine }).where('id', '=', moved.id).execute()
    await move('of-another-server')
    const { items } = await server.api.ok<Usage>('GET', '/v1/apps/worker/usage?window=100ms')
    await move(moved.engine_id)
    expect(unknownOf(items, 'worker')).toEqual(['its container is on the engine of another server', null])
  })
})

describe('with an engine that is away', () => {
  it('says so at each instance', async () => {
    const folder = await tempDir('engine')
    const other = await startTestServer({ config: { fakeDir: folder.path } })
    other.later(() => folder.remove())
    await running('lonely', ['forever'], {}, other)
    setAway(folder.path, true)
    const { items } = await other.api.ok<Usage>('GET', '/v1/apps/lonely/usage?window=100ms')
    setAway(folder.path, false)
    expect(unknownOf(items, 'lonely')).toEqual(['the fake engine is away'])
    await other[Symbol.asyncDispose]()
  })
})

describe('panda app stats', () => {
  it('shows memory and CPU of the instances of an app', async () => {
    const { code, stdout, stderr } = await panda(['stats', 'worker', '--every', '200ms'])
    expect([code, stderr]).toEqual([0, ''])
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head?.split(/ {2,}/)).toEqual(['INSTANCE', 'APP', 'REVISION', 'CPU', 'MEMORY', 'LIMIT', 'MEMORY %'])
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(row).toMatch(/^worker-\w{6} +worker +1 +2[45]\.\d% +48Mi +64Mi +75\.0%$/)
  })

  it.each([['all'], []])('shows those of all apps, and why something is not known', async (...name) => {
    const { stdout, stderr } = await panda(['stats', ...name, '--every', '100ms'])
    expect(stdout).toMatch(/^mute-\w{6} +mute +1 +- +- +- +-$/m)
    expect(stdout.match(/^worker-/gm)).toHaveLength(2)
    expect(stderr).toMatch(/^Not known of mute-\w{6}: it keeps its figures to itself\.$/m)
  })

  it('gives bytes and cores to a machine', async () => {
    const { stdout } = await panda(['stats', 'worker', '--every', '100ms', '-o', 'json'])
    const { items } = JSON.parse(stdout) as Usage
    expect(items.map(({ memoryBytes }) => memoryBytes)).toEqual([48 * MIB, 48 * MIB])
    expect((await panda(['stats', 'worker', '--every', '100ms', '-o', 'name'])).stdout).toMatch(
      /^worker-\w+\nworker-\w+\n$/,
    )
  })

  it('goes on with --watch until Ctrl-C, one line per look for a machine', async () => {
    let interrupt: (() => void) | undefined
    let looks = 0
    const argv = ['stats', 'worker', '--watch', '--every', '100ms', '-o', 'json']
    const { code, stdout, stderr } = await panda(argv, {
      onStart: (given) => (interrupt = given),
      onOutput: (text) => {
        looks += text.split('\n').length - 1
        if (looks >= 3) interrupt?.()
      },
    })
    expect([code, stderr]).toEqual([130, ''])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThanOrEqual(3)
    for (const line of lines) expect((JSON.parse(line) as Usage).items).toHaveLength(2)
  })

  it('says that nothing runs, what it does not take, and a name that is near', async () => {
    await server.api.ok('POST', '/v1/apps/idle/deploys', { image: 'x', command: ['forever'], replicas: 0 })
    const idle = await panda(['stats', 'idle'])
    expect([idle.code, idle.stdout, idle.stderr]).toEqual([0, '', 'No instance is running.\n'])
    for (const every of ['50ms', '1h', 'soon']) {
      expect(await panda(['stats', '--every', every])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--every'),
      })
    }
    expect((await panda(['stats', '--watch', '-o', 'yaml'])).code).toBe(2)
    const wrong = await panda(['stats', 'worked'])
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('worker')])
  })
})

describe('panda app get', () => {
  it('shows memory of the limit and CPU of each running instance', async () => {
    const { stdout } = await panda(['get', 'worker'])
    expect(stdout).toMatch(/^INSTANCE .* CPU +MEMORY +EXIT/m)
    expect(stdout.match(/ 2\d\.\d% +48Mi \/ 64Mi /g)).toHaveLength(2)
  })

  it('shows - for what is not known, and why', async () => {
    const { stdout, stderr } = await panda(['get', 'mute'])
    expect(stdout).toMatch(/^mute-\w{6} .* - +- +- /m)
    expect(stderr).toContain('it keeps its figures to itself')
  })

  it('does not measure for a machine', async () => {
    const { stdout } = await panda(['get', 'worker', '-o', 'json'])
    expect(JSON.parse(stdout)).toEqual(await server.api.ok('GET', '/v1/apps/worker'))
  })
})
