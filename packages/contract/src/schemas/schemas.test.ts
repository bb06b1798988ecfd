import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { channelSchema } from './alert.ts'
import { createCronjobSchema, cronjobSpecSchema, updateCronjobSchema } from './cronjob.ts'
import { envSchema, MAX_ENV_BYTES, nameSchema } from './common.ts'
import { manifestJsonSchema, manifestSchema } from './manifest.ts'

const article = {
  name: 'weekly-digest',
  image: 'your-org/mailer:latest',
  schedule: '0 8 * * 1',
  env: { MAIL_API_KEY: 'xxx' },
}

function pathsOf(result: { success: boolean; error?: { issues: { path: PropertyKey[] }[] } }): string[] {
  return (result.error?.issues ?? []).map((issue) => issue.path.join('.'))
}

describe('cronjob', () => {
  it("takes the article's cronjob and fills in every default", () => {
    expect(createCronjobSchema.parse(article)).toEqual({
      ...article,
      entrypoint: null,
      command: null,
      timezone: 'UTC',
      concurrency: 'forbid',
      missed: 'last',
      missedLimit: 100,
      deadline: null,
      timeout: '1h',
      grace: '10s',
      retry: { attempts: 1, backoff: { kind: 'exponential', delay: '10s', factor: 2, max: '10m', jitter: 0.1 } },
      jitter: '0s',
      memory: '512Mi',
      cpus: 1,
      pull: 'always',
      keep: 1000,
      suspended: false,
    })
  })

  it('takes the ends of the ranges, and whole characters', () => {
    const edge = { memory: '6Mi', grace: '1h', env: { A: '\u{1f43c}' }, command: ['\u{1f43c}'] }
    expect(createCronjobSchema.parse({ ...article, ...edge })).toMatchObject(edge)
    expect(createCronjobSchema.parse({ ...article, memory: '4096Gi', grace: '60m' }).grace).toBe('1h')
  })

  it('normalises durations', () => {
    expect(createCronjobSchema.parse({ ...article, timeout: '90s' }).timeout).toBe('1m30s')
  })

  it.each([
    [{ image: 'Bad Image' }, 'image'],
    [{ schedule: '' }, 'schedule'],
    [{ timeout: 'soon' }, 'timeout'],
    [{ memory: 'lots' }, 'memory'],
    [{ memory: '0' }, 'memory'],
    [{ memory: '5Mi' }, 'memory'],
    [{ memory: '4097Gi' }, 'memory'],
    [{ grace: '61m' }, 'grace'],
    [{ env: { A: '\ud83d' } }, 'env.A'],
    [{ command: ['\udc00'] }, 'command.0'],
    [{ env: { '1A': 'x' } }, 'env.1A'],
    [{ env: { A: 'a\0b' } }, 'env.A'],
    [{ concurrency: 'sometimes' }, 'concurrency'],
    [{ command: [] }, 'command'],
    [{ cpus: 0 }, 'cpus'],
    [{ name: 'Weekly Digest' }, 'name'],
    [{ retry: { attempts: 0 } }, 'retry.attempts'],
    [{ shedule: 'x' }, ''],
  ])('refuses %j at %s', (change, path) => {
    expect(pathsOf(createCronjobSchema.safeParse({ ...article, ...change }))).toContain(path)
  })

  it('limits env to 64 KiB in all', () => {
    expect(envSchema.safeParse({ A: 'x'.repeat(MAX_ENV_BYTES - 1) }).success).toBe(true)
    expect(envSchema.safeParse({ A: 'x'.repeat(MAX_ENV_BYTES) }).success).toBe(false)
  })

  it('an update names only what changes', () => {
    expect(updateCronjobSchema.parse({ schedule: '0 9 * * 1' })).toEqual({ schedule: '0 9 * * 1' })
    expect(updateCronjobSchema.parse({})).toEqual({})
    expect(updateCronjobSchema.parse({ timeout: null })).toEqual({ timeout: null })
    expect(updateCronjobSchema.safeParse({ name: 'other' }).success).toBe(false)
    expect(updateCronjobSchema.safeParse({ image: '-x' }).success).toBe(false)
  })

  it('what it answers can be sent again', () => {
    const spec = cronjobSpecSchema.parse({ image: 'a', schedule: '@daily' })
    expect(cronjobSpecSchema.parse(spec)).toEqual(spec)
  })
})

describe('names', () => {
  it.each(['a', 'weekly-digest', 'a1', 'x'.repeat(63)])('takes %s', (name) =>
    expect(nameSchema.safeParse(name).success).toBe(true),
  )
  it.each(['', '-a', 'a-', '1a', 'A', 'a_b', 'a.b', 'ü', 'x'.repeat(64), 'a\n'])('refuses %j', (name) =>
    expect(nameSchema.safeParse(name).success).toBe(false),
  )
})

describe('channels', () => {
  it.each([
    { kind: 'webhook', url: 'ftp://example.com' },
    { kind: 'webhook', url: 'javascript:alert(1)' },
    { kind: 'email', to: [] },
    { kind: 'email', to: ['nobody'] },
    { kind: 'pigeon', url: 'https://example.com' },
    { kind: 'slack', url: 'https://example.com', token: 'x' },
  ])('refuses %j', (channel) => expect(channelSchema.safeParse(channel).success).toBe(false))
})

describe('manifest', () => {
  it('refuses unknown fields at any depth', () => {
    expect(
      manifestSchema.safeParse({ cronjobs: { a: { image: 'a', schedule: '@daily', shedule: 'x' } } }).success,
    ).toBe(false)
    expect(manifestSchema.safeParse({ cronjob: {} }).success).toBe(false)
    expect(manifestSchema.safeParse({ version: 2 }).success).toBe(false)
  })

  it('an empty file is an empty project', () => {
    expect(manifestSchema.parse({})).toEqual({
      version: 1,
      env: {},
      secrets: [],
      requires: [],
      cronjobs: {},
      apps: {},
      alerts: {},
    })
  })
})

describe('the published schema of panda.yaml', () => {
  it('is what is checked; after a change run: npx tsx --conditions=source scripts/manifest-schema.ts', () => {
    const file = new URL('../../../../docs/reference/panda.schema.json', import.meta.url)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(manifestJsonSchema())))
  })
})
