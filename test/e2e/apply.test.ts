import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ApplyResult, Cronjob } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { followJob } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World
let folder: TempDir

beforeAll(async () => {
  world = await startWorld()
  folder = await tempDir('manifest')
})
afterAll(async () => {
  await folder.remove()
  await endWorld(world)
})

/** `panda` in the folder of the file. */
const here = (...words: string[]) => world.panda.run(words, { cwd: folder.path, env: { GREETING: 'hello' } })
const write = (text: string, name = 'panda.yaml') => writeFile(join(folder.path, name), text)

function manifest(change: { schedule?: string; more?: string } = {}): string {
  return `# yaml-language-server: $schema=./panda.schema.json
version: 1
env:
  GREETING: \${GREETING}
  LOG_LEVEL: \${LOG_LEVEL:-info}
secrets: [API_KEY]
cronjobs:
  digest:
    image: ${world.image}
    schedule: "${change.schedule ?? '0 8 * * 1'}"
    timezone: Europe/Berlin
    command: [sh, -c, 'echo "$GREETING $LOG_LEVEL"; [ -n "$API_KEY" ]']
    retry: {attempts: 2}
${change.more ?? ''}alerts:
  oncall:
    on: [failed, recovered]
    cronjob: digest
    channel: {kind: webhook, url: "https://hooks.example.com/secret-part"}
`
}
const CLEANUP = `  cleanup:
    image: alpine:3
    schedule: "@daily"
`

describe('panda.yaml', () => {
  it('is valid', async () => {
    await write(manifest({ more: CLEANUP }))
    expect(await here('validate')).toMatchObject({
      code: 0,
      stdout: 'panda.yaml is valid: 2 cronjobs, 0 apps, 1 alert, 2 variables.\n',
    })
  })

  it('shows what would change and changes nothing', async () => {
    const { code, stdout } = await here('apply', '--dry-run')
    // The secret is not there yet.
    expect(code).toBe(1)
    expect(stdout.trim().split('\n')).toEqual([
      '+ env GREETING',
      '+ env LOG_LEVEL',
      '+ cronjob cleanup',
      '+ cronjob digest',
      '+ alert oncall',
      'Project default: 5 to create, 0 to update, 0 to delete, 0 unchanged.',
    ])
    expect((await here('cronjob', 'list', '-o', 'name')).stdout.trim()).toBe('')
    expect((await here('env', 'list', '-o', 'name')).stdout.trim()).toBe('')
  })

  it('names the secret that is missing, and how to set it, and changes nothing before it is', async () => {
    const { code, stdout, stderr } = await here('apply')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('error: Nothing was changed: the secret API_KEY is not set')
    expect(stderr).toContain('panda secret set API_KEY --project default')
    expect(stderr).toContain('code reference_missing')
    expect((await here('cronjob', 'list', '-o', 'name')).stdout.trim()).toBe('')
    await world.panda.ok(['secret', 'set', 'API_KEY=-'], { stdin: 'k' })
    expect((await here('apply')).stdout).toContain('Project default: 5 created, 0 updated, 0 deleted, 0 unchanged.')
  })

  it('applied again changes nothing', async () => {
    const before = await world.panda.json<Cronjob>(['cronjob', 'get', 'digest'])
    expect(await here('apply')).toMatchObject({
      code: 0,
      stdout: 'Project default: 0 created, 0 updated, 0 deleted, 5 unchanged.\n',
    })
    expect((await here('apply', '--dry-run', '--detailed-exitcode')).code).toBe(0)
    expect(await world.panda.json<Cronjob>(['cronjob', 'get', 'digest'])).toEqual(before)
  })

  it('made cronjobs that run', async () => {
    const { code, stdout } = await followJob(world, 'digest')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello info\n' })
    expect(await world.panda.json<Cronjob>(['cronjob', 'get', 'digest'])).toMatchObject({
      timezone: 'Europe/Berlin',
      retry: { attempts: 2 },
    })
  })

  it('shows a change field by field, without the values of variables', async () => {
    await write(manifest({ schedule: '30 8 * * 1', more: CLEANUP }).replace('${GREETING}', 'a-new-greeting'))
    const { code, stdout } = await here('apply', '--dry-run', '--detailed-exitcode')
    expect(code).toBe(2)
    expect(stdout).toContain('~ cronjob digest\n    schedule: "0 8 * * 1" → "30 8 * * 1"\n')
    expect(stdout).toMatch(/~ env GREETING\n.*•••/)
    expect(stdout).not.toContain('a-new-greeting')
    expect(stdout).not.toContain('cleanup')
    const result = JSON.parse((await here('apply', '-o', 'json')).stdout) as ApplyResult
    expect(result.changes.filter(({ action }) => action === 'update').map(({ name }) => name)).toEqual([
      'GREETING',
      'digest',
    ])
    const digest = await world.panda.json<Cronjob>(['cronjob', 'get', 'digest'])
    expect(digest).toMatchObject({ schedule: '30 8 * * 1', revision: 2 })
  })

  it('deletes only with --prune, and only after a yes', async () => {
    await write(manifest({ schedule: '30 8 * * 1' }).replace('  LOG_LEVEL: ${LOG_LEVEL:-info}\n', ''))
    expect((await here('apply')).stdout).toContain('0 deleted')
    expect((await here('cronjob', 'list', '-o', 'name')).stdout).toBe('cleanup\ndigest\n')
    const dry = await here('apply', '--prune', '--dry-run')
    expect(dry.stdout).toContain('- env LOG_LEVEL\n- cronjob cleanup\n')
    const unasked = await here('apply', '--prune')
    expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining('cronjob cleanup') })
    expect((await here('cronjob', 'list', '-o', 'name')).stdout).toBe('cleanup\ndigest\n')
    const done = await here('apply', '--prune', '--yes')
    expect(done).toMatchObject({ code: 0 })
    expect(done.stdout).toContain('2 deleted')
    expect((await here('cronjob', 'list', '-o', 'name')).stdout).toBe('digest\n')
    expect((await here('env', 'list', '-o', 'name')).stdout).toBe('GREETING\n')
  })

  it('is refused as a whole when a part of it is wrong', async () => {
    await write(manifest({ more: CLEANUP.replace('@daily', '0 0 31 2 *') }))
    const { code, stderr } = await here('apply')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^panda\.yaml:\d+: cronjobs\.cleanup\.schedule: day-of-month: can never fire/m)
    expect((await here('cronjob', 'list', '-o', 'name')).stdout).toBe('digest\n')
  })
})

/** Import, validate, look, apply, and apply again. */
async function bringOver(project: string, kind: string, source: string, options: string[] = []): Promise<string> {
  await world.panda.ok(['project', 'create', project])
  await write(source, `${project}.source`)
  const imported = await here('import', kind, `${project}.source`, ...options)
  expect(imported.code, imported.stderr).toBe(0)
  await write(imported.stdout, `${project}.yaml`)
  expect((await here('validate', `${project}.yaml`)).code).toBe(0)
  const file = ['-f', `${project}.yaml`, '-p', project]
  expect((await here('apply', ...file, '--dry-run')).stdout).toContain('to create')
  expect((await here('apply', ...file)).code).toBe(0)
  expect((await here('apply', ...file)).stdout).toMatch(/0 created, 0 updated, 0 deleted/)
  return imported.stderr
}

describe('what people run today', () => {
  it('a crontab becomes a panda.yaml that applies, with what was left out on top', async () => {
    const crontab = [
      'MAILTO=ops@example.com',
      'PATH=/usr/bin:/bin',
      'REGION=eu',
      '# the backup',
      '30 2 * * 0 /opt/backup.sh --full "$HOME" 2>&1',
      '@reboot /opt/start.sh',
      '0 9 1 * * echo "100\\% of ${REGION}"',
    ].join('\n')
    const options = ['--image', world.image, '--timezone', 'Europe/Berlin']
    const notes = await bringOver('host', 'crontab', crontab, options)
    expect(notes).toContain('@reboot')
    expect(notes).toContain('PATH=/usr/bin:/bin is not carried over')
    const file = await readFile(join(folder.path, 'host.yaml'), 'utf8')
    expect(file).toMatch(/^# Made by panda import from host\.source\n# NOTE: /)
    const backup = await world.panda.json<Cronjob>(['cronjob', 'get', 'backup', '-p', 'host'])
    expect(backup).toMatchObject({
      schedule: '30 2 * * 0',
      timezone: 'Europe/Berlin',
      entrypoint: ['/bin/sh', '-c'],
      command: ['/opt/backup.sh --full "$HOME" 2>&1'],
      env: { REGION: 'eu' },
      concurrency: 'allow',
    })
    const inHost = world.panda.with({ PANDA_PROJECT: 'host' })
    expect((await inHost.run(['cronjob', 'run', 'echo', '--follow'])).stdout).toBe('100% of eu\n')
    expect(await inHost.ok(['alert', 'list'])).toMatch(/email/)
  })

  it('Kubernetes CronJobs as well', async () => {
    const cronjob = `apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  schedule: "*/30 6-18 * * 1-5"
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 120
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 600
      template:
        spec:
          restartPolicy: Never
          serviceAccountName: reporter
          containers:
            - name: report
              image: ${world.image}
              command: [sh, -c]
              args: ['echo "report for $REGION"']
              env: [{name: REGION, value: eu}]
              resources: {limits: {memory: 128Mi, cpu: 500m}}
`
    const notes = await bringOver('cluster', 'k8s-cronjob', cronjob)
    expect(notes).toContain('serviceAccountName')
    const report = await world.panda.json<Cronjob>(['cronjob', 'get', 'report', '-p', 'cluster'])
    expect(report).toMatchObject({
      schedule: '*/30 6-18 * * 1-5',
      timezone: 'Europe/Berlin',
      concurrency: 'forbid',
      deadline: '2m',
      timeout: '10m',
      retry: { attempts: 3 },
      memory: '128Mi',
      cpus: 0.5,
    })
    const inCluster = world.panda.with({ PANDA_PROJECT: 'cluster' })
    expect((await inCluster.run(['cronjob', 'run', 'report', '--follow'])).stdout).toBe('report for eu\n')
  })
})
