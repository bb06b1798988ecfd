import { cronjobSpecSchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { secretValues, unitEnv, visibleEnv } from './environment.ts'
import { mayHaveUnit, type PreparedRun } from './prepared-run.ts'
import { imageOf, limitsOf, registryAuthOf, unitSpecOf } from './unit-spec.ts'

const auth = { username: 'u', password: 'registry-pass' }

function run(change: Partial<PreparedRun> & { env?: Record<string, string>; image?: string } = {}): PreparedRun {
  const { env = {}, image = 'your-org/mailer:latest', ...rest } = change
  return {
    kind: 'run',
    id: 'run_1',
    projectId: 'prj_1',
    cronjobId: 'cj_1',
    revision: 1,
    attempt: 1,
    fence: 1,
    trigger: 'schedule',
    dueAt: new Date('2026-01-05T08:00:00Z'),
    project: 'default',
    cronjob: 'weekly-digest',
    spec: cronjobSpecSchema.parse({ image, schedule: '0 8 * * 1', env }),
    settings: { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() },
    overrides: {},
    maxAttempts: 1,
    lostAttempts: 0,
    imageDigest: null,
    envSnapshot: null,
    runningForMs: null,
    stopping: false,
    pastDeadline: false,
    cancel: null,
    lateAfterMs: null,
    port: null,
    held: false,
    ...rest,
  }
}

const layers = {
  env: { A: 'project', B: 'project', C: 'project', D: 'project', E: 'project', PANDA_RUN_ID: 'mine' },
  secrets: { B: 'secret', C: 'secret', D: 'secret', E: 'secret' },
  cronjobSecrets: new Map([['cj_1', { D: 'own secret', E: 'own secret' }]]),
  registries: new Map([['ghcr.io', auth]]),
}

describe('the environment of a unit', () => {
  const layered = run({
    settings: layers,
    env: { C: 'cronjob', D: 'cronjob', E: 'cronjob' },
    overrides: { env: { E: 'run' } },
  })

  it('is given the database of the platform only where nothing in it names a store', () => {
    const url = 'postgres://panda_p_1:pw@172.18.0.1:20001/panda_p_1'
    expect(unitEnv(run(), url)).toMatchObject({ DATABASE_URL: url })
    expect(unitEnv(run())).not.toHaveProperty('DATABASE_URL')
    for (const name of ['REDIS_URL', 'AMQP_URL', 'RABBITMQ_URL', 'PANDA_QUEUE_URL', 'PANDA_EVENTS_URL']) {
      expect(unitEnv(run({ env: { [name]: 'x' } }), url)).not.toHaveProperty('DATABASE_URL')
    }
    const own = { ...run().settings, secrets: { DATABASE_URL: 'postgres://mine' } }
    expect(unitEnv(run({ settings: own }), url)).toMatchObject({ DATABASE_URL: 'postgres://mine' })
    // Set to nothing is set: that is how a project says that it wants none.
    expect(unitEnv(run({ env: { DATABASE_URL: '' } }), url)).toMatchObject({ DATABASE_URL: '' })
    const then = run({ trigger: 'replay', envSnapshot: { REDIS_URL: 'redis://then' } })
    expect(unitEnv(then, url)).not.toHaveProperty('DATABASE_URL')
  })

  it('does not show what the platform gives, and hides its password', () => {
    const database = { role: 'panda_p_1', password: 'a-long-password' }
    const given = run({ settings: { ...run().settings, database } })
    expect(visibleEnv(given)).toEqual({})
    expect(secretValues(given)).toEqual(['a-long-password'])
  })

  it('lets the later layer win and ours last', () => {
    expect(unitEnv(layered)).toEqual({
      A: 'project',
      B: 'secret',
      C: 'cronjob',
      D: 'own secret',
      E: 'run',
      PANDA_PROJECT: 'default',
      PANDA_CRONJOB: 'weekly-digest',
      PANDA_RUN_ID: 'run_1',
      PANDA_ATTEMPT: '1',
      PANDA_DUE_AT: '2026-01-05T08:00:00.000Z',
      PANDA_TRIGGER: 'schedule',
    })
  })

  it('stores no secret in the snapshot', () => {
    expect(visibleEnv(layered)).toEqual({ ...layers.env, C: 'cronjob', D: 'cronjob', E: 'run' })
    expect(Object.values(visibleEnv(layered))).not.toContain('secret')
  })

  it('replays the variables of then with the secrets of now', () => {
    const then = { A: 'old project', C: 'old cronjob', X: 'gone since' }
    const replay = run({ ...layered, trigger: 'replay', envSnapshot: then, env: { C: 'cronjob' } })
    expect(unitEnv(replay)).toMatchObject({
      A: 'old project',
      B: 'secret',
      C: 'old cronjob',
      D: 'own secret',
      X: 'gone since',
      E: 'run',
    })
    expect(visibleEnv(replay)).toEqual({ ...then, E: 'run' })
  })

  it('uses the snapshot of an earlier attempt only for replays', () => {
    expect(visibleEnv(run({ envSnapshot: { OLD: '1' } }))).toEqual({})
  })

  it('names all values that must be hidden, once', () => {
    expect(secretValues(layered)).toEqual(['secret', 'own secret', 'registry-pass'])
  })
})

describe('the unit of a run', () => {
  it('has a name and labels of its own', () => {
    const unit = unitSpecOf(run({ attempt: 2 }), 'inst', 'sha256:abc')
    expect(unit.name).toBe('panda-run-1-2')
    expect(unit.image).toBe('sha256:abc')
    expect(unit.labels).toEqual({
      installation: 'inst',
      project: 'default',
      kind: 'run',
      resource: 'weekly-digest',
      run: 'run_1',
      attempt: 2,
    })
  })

  it('takes limits and command from the spec, the command also from the run', () => {
    expect(limitsOf(run())).toEqual({ memoryBytes: 536_870_912, timeoutMs: 3_600_000, graceMs: 10_000 })
    const unit = unitSpecOf(run({ overrides: { command: ['x'], entrypoint: ['y'] } }), 'inst', 'i')
    expect(unit).toMatchObject({ command: ['x'], entrypoint: ['y'], memoryBytes: 536_870_912, cpus: 1 })
    expect(unitSpecOf(run(), 'inst', 'i')).toMatchObject({ command: null, entrypoint: null })
  })

  it('pins only a replay to the digest of then', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(imageOf(run({ imageDigest: digest }))).toBe('your-org/mailer:latest')
    expect(imageOf(run({ trigger: 'replay' }))).toBe('your-org/mailer:latest')
    expect(imageOf(run({ trigger: 'replay', imageDigest: digest }))).toBe(`docker.io/your-org/mailer@${digest}`)
  })

  it('finds the registry login by host', () => {
    expect(registryAuthOf(run({ settings: layers, image: 'ghcr.io/me/app:1' }))).toBe(auth)
    expect(registryAuthOf(run({ settings: layers }))).toBeNull()
  })
})

it('knows when a unit may be there already', () => {
  expect(mayHaveUnit(run({ attempt: 1, fence: 1 }))).toBe(false)
  expect(mayHaveUnit(run({ attempt: 2, fence: 2 }))).toBe(false)
  expect(mayHaveUnit(run({ attempt: 1, fence: 2 }))).toBe(true)
})

describe('a published port', () => {
  const port = { address: '127.0.0.1', hostPort: 8080, containerPort: 3000 }

  it('is published by the unit of an app, which finds it in PORT whatever else it was told', () => {
    const unit = unitSpecOf(run({ kind: 'app', port, env: { PORT: '1' } }), 'i', 'image')
    expect(unit.port).toEqual(port)
    expect(unit.env['PORT']).toBe('3000')
  })

  it('is none unless it was asked for: PORT is as it was set', () => {
    const unit = unitSpecOf(run({ kind: 'app', env: { PORT: '1' } }), 'i', 'image')
    expect(unit).not.toHaveProperty('port')
    expect(unit.env['PORT']).toBe('1')
  })

  it('is no part of what may be shown as the variables of a revision', () => {
    expect(visibleEnv(run({ kind: 'app', port }))).not.toHaveProperty('PORT')
  })
})
