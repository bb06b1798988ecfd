import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail, ApplyResult } from '../../packages/contract/src/index.ts'
import { runInProcess } from '../support/cli-io.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'

/** `panda apply` that waits for apps, against a whole server on the fake runtime. */

let server: TestServer
let folder: TempDir
beforeAll(async () => {
  server = await startTestServer()
  folder = await tempDir('apply-apps')
})
afterAll(async () => {
  await folder.remove()
  await server[Symbol.asyncDispose]()
})

async function panda(...argv: string[]) {
  return runInProcess(argv, { env: { PANDA_URL: server.api.url, PANDA_TOKEN: server.token } })
}

async function applied(project: string, apps: Record<string, unknown>, ...options: string[]) {
  await server.api.call('POST', '/v1/projects', { name: project })
  const file = join(folder.path, `${project}.yaml`)
  await writeFile(file, JSON.stringify({ project, apps }))
  return panda('apply', '-f', file, ...options)
}

const steady = { image: 'your-org/api:1', command: ['forever'] }
const crashing = { image: 'your-org/api:1', command: ['exit', '3', 'print', 'no database'] }

describe.concurrent('panda apply', () => {
  it('waits until the apps are ready, in the project of the file', async () => {
    const { code, stdout, stderr } = await applied('waits', { one: steady, two: { ...steady, replicas: 2 } })
    expect({ code, stderr: /^(one|two): revision 1: 0 of [12] ready/m.test(stderr) }).toEqual({ code: 0, stderr: true })
    expect(stdout).toMatch(/^\+ app one\n\+ app two\nProject waits: 2 created/)
    expect(stdout).toContain('Deployed app one: 1 of 1 ready, revision 1.')
    expect(stdout).toContain('Deployed app two: 2 of 2 ready, revision 1.')
    const again = await applied('waits', { one: steady, two: { ...steady, replicas: 2 } })
    expect(again).toMatchObject({ code: 0, stdout: 'Project waits: 0 created, 0 updated, 0 deleted, 2 unchanged.\n' })
    const scaled = await applied('waits', { one: { ...steady, replicas: 3 }, two: steady })
    expect(scaled.stdout).toContain('    replicas: 1 → 3\n')
    expect(scaled.stdout).toContain('Scaled app one: 3 of 3 ready, revision 1.')
    expect(scaled.stdout).not.toContain('app two:')
  })

  it('ends with 5, the reason and the last lines when a deploy fails; the others go on', async () => {
    const { code, stdout, stderr } = await applied('fails', { good: steady, bad: crashing })
    expect(code).toBe(5)
    expect(stdout).toContain('Deployed app good: 1 of 1 ready')
    expect(stderr).toContain('The last lines of an instance of bad that failed:\n  no database')
    expect(stderr).toContain('error: the deploy of bad failed: an instance ended 3 times before it was ready')
    expect(stderr).toContain('code deploy_failed')
  })

  it('names each deploy that fails', async () => {
    const { code, stdout, stderr } = await applied('both', { a: crashing, b: crashing }, '-o', 'json')
    expect(code).toBe(5)
    expect((JSON.parse(stdout) as ApplyResult).changes.map(({ name }) => name)).toEqual(['a', 'b'])
    for (const name of ['a', 'b']) expect(stderr).toContain(`the deploy of ${name} failed`)
    expect(stderr).toContain('2 deploys failed')
  })

  it('returns at once with --no-wait, and the next one waits for what is under way', async () => {
    const { code, stdout } = await applied('quick', { worker: steady }, '--no-wait')
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '+ app worker\nProject quick: 1 created, 0 updated, 0 deleted, 0 unchanged.\n',
    })
    expect((await applied('quick', { worker: steady })).stdout).toContain(
      'Deployed app worker: 1 of 1 ready, revision 1.',
    )
    const { state } = await server.api.ok<AppDetail>('GET', '/v1/apps/worker?project=quick')
    expect(state).toBe('ready')
  })

  it('does not wait for a stopped app, and asks before it deletes one', async () => {
    await applied('halted', { worker: steady, old: steady }, '--no-wait')
    await server.api.ok('POST', '/v1/apps/worker/stop?project=halted')
    expect((await applied('halted', { worker: { ...steady, replicas: 2 }, old: steady })).code).toBe(0)
    const asked = await applied('halted', { worker: steady }, '--prune')
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('Delete app old') as string })
    const done = await applied('halted', { worker: steady }, '--prune', '--yes')
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('- app old') as string })
  })

  it('says what is missing, with --dry-run beside the changes', async () => {
    const file = join(folder.path, 'missing.yaml')
    await writeFile(file, JSON.stringify({ requires: ['REDIS_URL'], secrets: ['KEY'], apps: { worker: steady } }))
    const dry = await panda('apply', '-f', file, '--dry-run')
    expect(dry).toMatchObject({ code: 1, stdout: expect.stringContaining('+ app worker') as string })
    expect(dry.stderr).toContain(
      'the file refers to what is not there: the secret KEY is not set; the variable REDIS_URL',
    )
    const real = await panda('apply', '-f', file)
    expect(real).toMatchObject({ code: 1, stdout: '' })
    expect(real.stderr).toContain('panda secret set KEY --project default; panda env set REDIS_URL=… --project default')
    expect((await panda('validate', file)).stdout).toContain('is valid: 0 cronjobs, 1 app, 0 alerts, 0 variables.')
  })
})
