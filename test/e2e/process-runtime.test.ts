import type { Run, Status } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServerProcess } from '../chaos/server-process.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { createJob, followJob, shell, type Site, startJob, untilLogged, untilState } from './jobs.ts'
import { Panda } from './panda.ts'
import { userEnvironment } from './world.ts'

expectNoChildProcesses()

const WARNING = 'Runs are plain processes on this machine, with all rights of the server and no isolation'

let home: TempDir
let database: MigratedDatabase
let server: ServerProcess
let site: Site

beforeAll(async () => {
  home = await tempDir('home')
  database = await migratedDatabase()
  const env = { PANDA_RUNTIME: 'process', DOCKER_HOST: 'unix:///nowhere/docker.sock', NOT_FOR_JOBS: 'of the server' }
  server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  await server.start()
  site = { panda: new Panda(userEnvironment(home.path)), image: 'your-org/mailer:latest' }
})
afterAll(async () => {
  await server.stop()
  await database[Symbol.asyncDispose]()
  await home.remove()
})

describe('without a container engine', () => {
  it('says loudly that nothing is isolated', async () => {
    expect(server.logText()).toContain(WARNING)
    const { code, stdout, stderr } = await site.panda.run(['status'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Engine +up, process/m)
    expect(stderr).toMatch(/^warning: .*plain processes on this machine, with all rights of the server.*isolation/m)
    const status = await site.panda.json<Status>(['status'])
    expect(status.engine).toMatchObject({
      runtime: 'process',
      up: true,
      warning: expect.stringContaining('plain processes'),
    })
  })

  it('runs by hand, with variables, secrets, both streams and an exit code', async () => {
    await site.panda.ok(['env', 'set', 'A=project'])
    await site.panda.ok(['secret', 'set', 'PHRASE=-'], { stdin: 'correct horse' })
    await createJob(site, 'job', 'echo "$A $B $PHRASE"; echo "to stderr" >&2; echo "[$NOT_FOR_JOBS]"; exit 4', [
      '--env',
      'B=own',
    ])
    const { code, stdout, stderr, run } = await followJob(site, 'job', ['--exit-code'])
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'project own [redacted]\n[]\n' })
    expect(stderr).toContain('to stderr\n')
    expect(run).toMatchObject({ state: 'failed', reason: 'exit-code', exitCode: 4, imageDigest: null })
  })

  it('runs by schedule', async () => {
    await createJob(site, 'ticker', 'echo "$PANDA_DUE_AT"', ['--schedule', '*/2 * * * * *'])
    const { items } = await site.panda.until<{ items: Run[] }>(
      'two runs',
      ['cronjob', 'runs', 'ticker', '--state', 'succeeded'],
      (page) => page.items.length >= 2,
    )
    for (const run of items) {
      expect(run).toMatchObject({ trigger: 'schedule', exitCode: 0 })
      expect(await site.panda.ok(['run', 'logs', run.id])).toBe(`${run.dueAt}\n`)
    }
    await site.panda.ok(['cronjob', 'delete', 'ticker', '--yes'])
  })

  it('is cancelled, has a time limit and retries', async () => {
    await createJob(site, 'long', 'trap "" TERM; echo ready; while :; do sleep 0.05; done', ['--grace', '500ms'])
    const id = await startJob(site, 'long')
    await untilLogged(site, id, 'ready')
    await site.panda.ok(['run', 'cancel', id])
    expect(await untilState(site, id, 'cancelled')).toMatchObject({ reason: 'by-hand', exitCode: 137 })

    await createJob(site, 'late', 'sleep 60', ['--timeout', '1s'])
    expect((await followJob(site, 'late')).run).toMatchObject({ state: 'failed', reason: 'timeout' })

    const script = 'echo "$PANDA_ATTEMPT"; [ "$PANDA_ATTEMPT" = 2 ]'
    await createJob(site, 'second-time', script, ['--retries', '1', '--backoff', '100ms'])
    expect(await followJob(site, 'second-time')).toMatchObject({ code: 0, stdout: '1\n2\n' })
  })

  it('says what it cannot do', async () => {
    await createJob(site, 'typo', 'true')
    const { code, run } = await followJob(site, 'typo', ['--', 'not-a-program'])
    expect(code).toBe(5)
    expect(run).toMatchObject({ state: 'failed', reason: 'start-failed' })
    expect(run.message).toBe('the program not-a-program is not in the PATH on this machine')
    await site.panda.ok(['cronjob', 'create', 'image-only', '--image', 'a/b', '--schedule', '@yearly'])
    const alone = await followJob(site, 'image-only')
    expect(alone.run.message).toContain('the process runtime needs a command, since it does not use the image a/b')
  })

  it('goes on while the server restarts, with no line lost', async () => {
    await createJob(site, 'survivor', 'for n in 1 2 3 4 5 6 7 8; do echo "line $n"; sleep 0.5; done')
    const id = await startJob(site, 'survivor')
    await untilLogged(site, id, 'line 2')
    await server.stop()
    await server.start()
    const run = await untilState(site, id, 'succeeded')
    expect(run).toMatchObject({ attempt: 1, lostAttempts: 0, exitCode: 0 })
    expect(await site.panda.ok(['run', 'logs', id])).toBe([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `line ${n}\n`).join(''))
    expect((await followJob(site, 'survivor', shell('echo done'))).code).toBe(0)
  })
})
