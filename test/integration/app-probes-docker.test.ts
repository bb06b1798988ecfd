import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail, DeployAppInput } from '../../packages/contract/src/index.ts'
import { sharedDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** The command of a probe in containers of a real engine. */

let server: TestServer
let image: string
beforeAll(async () => {
  const { socketPath } = await sharedDocker()
  image = await testImage('busybox')
  server = await startTestServer({ config: { runtime: 'docker', dockerHost: `unix://${socketPath}` } })
})
afterAll(async () => {
  const stop = await server.api.call('DELETE', '/v1/apps/probed')
  expect([204, 404]).toContain(stop.status)
  const live = () => server.db.selectFrom('app_instances').select('id').where('finished_at', 'is', null).execute()
  await waitFor('the instances to end', async () => (await live()).length === 0, 120_000)
  await server[Symbol.asyncDispose]()
})

/** Ready when there is a file, as `panda app exec` or the program itself may make it. */
const UNTIL_FILE = ['sh', '-c', 'echo "$LEVEL: no file yet" >&2; test -f /tmp/up']
const deploy = (body: DeployAppInput) =>
  server.api.ok<AppDetail>('POST', '/v1/apps/probed/deploys', { image, pull: 'never', drain: '1s', ...body })
const get = () => server.api.ok<AppDetail>('GET', '/v1/apps/probed')
const live = ({ instances }: AppDetail) => instances.filter(({ finishedAt }) => finishedAt === null)

describe.sequential('a probe by command on Docker', () => {
  it('makes an instance ready when it exits with 0, in the container and with its variables, and not before', async () => {
    const command = ['sh', '-c', 'sleep 8; touch /tmp/up; exec sleep 600']
    await deploy({ command, env: { LEVEL: 'debug' }, probe: { command: UNTIL_FILE, timeout: '30s' } })
    const words = 'exited with code 1: debug: no file yet'
    await waitFor('its word', async () => (await get()).instances[0]?.message?.includes(words), 120_000)
    expect(await get()).toMatchObject({ state: 'deploying', ready: 0 })
    await waitFor('the first revision', async () => (await get()).state === 'ready', 120_000)
    expect(live(await get())).toMatchObject([{ ready: true, message: null, restarts: 0 }])
  })

  it('fails a deploy whose probe never says yes, with its last line, and the old one stays', async () => {
    const [old] = live(await get())
    await deploy({ command: ['sleep', '600'], readyTimeout: '15s' })
    await waitFor(
      'the failure',
      async () => (await get()).state === 'failed' && live(await get()).length === 1,
      120_000,
    )
    const app = await get()
    expect(app.deploy.message).toMatch(
      /^0 of 1 instances were ready within 15s; one of the others was not ready: its probe "sh -c .*" exited with code 1: debug: no file yet$/,
    )
    expect([live(app)[0]?.id, app.ready, app.readyRevision]).toEqual([old?.id, 1, 1])
  })

  it('says what is wrong with a command that is not there', async () => {
    await deploy({ probe: { command: ['pg_isready'] }, readyTimeout: '15s' })
    await waitFor('the failure', async () => (await get()).revision === 3 && (await get()).state === 'failed', 120_000)
    expect((await get()).deploy.message).toMatch(/its probe "pg_isready" exited with code 127: .*pg_isready.*not found/)
  })

  it('takes one that hangs as no, and leaves no more than three of them', async () => {
    await deploy({ probe: { command: ['sleep', '599'], timeout: '1s' }, readyTimeout: '20s' })
    const message = async () => live(await get()).find(({ revision }) => revision === 4)?.message ?? ''
    await waitFor('the limit', async () => /is not run again until one of 3 has ended/.test(await message()), 120_000)
    await waitFor('the failure', async () => (await get()).state === 'failed', 120_000)
    expect((await get()).deploy.message).toContain('its probe "sleep 599" is not run again until one of 3 has ended')
  })
})
