import fc from 'fast-check'
import { manifestSchema } from '@pandastack/contract'
import { parseSchedule } from '@pandastack/sdk/schedule'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { readManifest } from './read-manifest.ts'

const GOOD = `
version: 1
project: shop
env: { MODE: production }
cronjobs:
  weekly-digest:
    image: your-org/mailer:\${TAG:-latest}
    schedule: "0 8 * * 1"
    timezone: Europe/Berlin
    env: { GREETING: "\${GREETING}", RAW: "$\${NOT_A_REFERENCE}" }
`

function problems(text: string, environment: Record<string, string> = {}) {
  const result = readManifest(text, environment)
  return result.ok ? [] : result.problems.map(({ path, line, message }) => `${line ?? '-'} ${path}: ${message}`)
}

describe('readManifest', () => {
  it('reads YAML, fills in defaults and the environment', () => {
    const result = readManifest(GOOD, { GREETING: 'hello' })
    expect(result).toMatchObject({
      ok: true,
      manifest: {
        project: 'shop',
        cronjobs: {
          'weekly-digest': {
            image: 'your-org/mailer:latest',
            concurrency: 'forbid',
            env: { GREETING: 'hello', RAW: '${NOT_A_REFERENCE}' },
          },
        },
      },
    })
  })

  it('reads JSON, and an empty file', () => {
    expect(readManifest('{"cronjobs":{"a":{"image":"a","schedule":"@daily"}}}', {}).ok).toBe(true)
    expect(readManifest('', {}).ok).toBe(true)
  })

  it.each([
    ['a missing variable', GOOD, '10 cronjobs.weekly-digest.env.GREETING: the variable GREETING is not set'],
    [
      'an unknown field',
      'cronjobs:\n  a:\n    image: a\n    schedule: "@daily"\n    shedule: x',
      '5 cronjobs.a.shedule: there is no such field. Did you mean "schedule"?',
    ],
    [
      'an unknown field of retries',
      'cronjobs:\n  a:\n    image: a\n    schedule: "@daily"\n    retry:\n      atempts: 3',
      '6 cronjobs.a.retry.atempts: there is no such field. Did you mean "attempts"?',
    ],
    [
      'an unknown field of an app',
      'apps:\n  a:\n    image: a\n    replica: 2',
      '4 apps.a.replica: there is no such field. Did you mean "replicas"?',
    ],
    ['an app without image', 'apps:\n  a:\n    replicas: 2', '3 apps.a.image: '],
    ['too many instances', 'apps:\n  a:\n    image: a\n    replicas: 101', '4 apps.a.replicas: '],
    ['two apps of one name', 'apps:\n  a: { image: a }\n  a: { image: b }', '3 : Map keys must be unique'],
    ['a reference that is no name', 'requires: [REDIS-URL]', '1 requires.0: use letters, digits and _'],
    [
      'a variable that an app misses',
      'apps:\n  a:\n    image: "${IMG}"',
      '3 apps.a.image: the variable IMG is not set',
    ],
    ['an unknown section', 'cronjob: {}', '1 cronjob: there is no such field. Did you mean "cronjobs"?'],
    ['a variable with a bad name', 'env:\n  1A: x', '2 env.1A: use letters, digits and _'],
    ['a bad schedule', 'cronjobs:\n  a:\n    image: a\n    schedule: "60 * * * *"', '4 cronjobs.a.schedule: '],
    ['a schedule that never fires', 'cronjobs:\n  a: { image: a, schedule: "0 0 30 2 *" }', 'cronjobs.a.schedule: '],
    ['an unknown zone', 'cronjobs:\n  a: { image: a, schedule: "@daily", timezone: Berlin }', 'cronjobs.a.timezone: '],
    ['a bad image', 'cronjobs:\n  a:\n    image: --privileged\n    schedule: "@daily"', '3 cronjobs.a.image: '],
    ['a name twice', 'cronjobs:\n  a: { image: a, schedule: "@daily" }\n  a: { image: b, schedule: "@daily" }', '3 : '],
    ['broken YAML', 'cronjobs: [', ': '],
    ['another version', 'version: 2', '1 version: '],
    ['a list', '- a', 'expected object'],
  ])('tells %s with its place', (_what, text, expected) => {
    expect(problems(text).join('\n')).toContain(expected)
  })

  it('is not blown up by aliases', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
      .split('')
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`)
      .join('\n')}`
    expect(problems(bomb).join()).toContain('alias')
  })

  it('answers every text, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `cronjobs:\n  a:\n    image: a\n    schedule: ${JSON.stringify(text)}`),
        ),
        (text) => {
          const result = readManifest(text, {})
          expect(result.ok || result.problems.length > 0).toBe(true)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('takes only what the server will take, and names a place for every fault', () => {
    let accepted = 0
    fc.assert(
      fc.property(manifest, fc.boolean(), (value, json) => {
        const text = json ? JSON.stringify(value) : stringify(value)
        const result = readManifest(text, { SET: 'set' })
        if (!result.ok) {
          const count = text.split('\n').length
          for (const { line, message } of result.problems) {
            expect(message).not.toBe('')
            if (line !== null) expect(line).toSatisfy((at: number) => at >= 1 && at <= count)
          }
          return
        }
        accepted++
        // The server reads it once more with the same schema: nothing changes, nothing is refused.
        expect(manifestSchema.parse(JSON.parse(JSON.stringify(result.manifest)))).toEqual(result.manifest)
        for (const { schedule } of Object.values(result.manifest.cronjobs)) parseSchedule(schedule)
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})

const oneIn = (good: readonly unknown[], bad: readonly unknown[]) =>
  fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: fc.constantFrom(...bad) })
const NOT_A_NAME = [null, 1, '', '-x', 'A b', '__proto__', '\u0000', []]
const cronjob = fc.record(
  {
    image: oneIn(
      ['a', 'your-org/mailer:${TAG:-latest}', 'localhost:5000/a@sha256:'.concat('0'.repeat(64))],
      NOT_A_NAME,
    ),
    schedule: oneIn(['0 8 * * 1', '@daily', '*/5 9-17 * * 1-5', '0 0 L * *'], ['0 0 30 2 *', '61 * * * *', 5, '']),
    timezone: oneIn(['UTC', 'Europe/Berlin'], ['Mars/Olympus', 3]),
    env: oneIn([{}, { A: '${SET}', B: '$${NOT}' }], [{ '1A': 'x' }, { A: 1 }, { A: '${NOT_SET}' }, { A: 'x\u0000' }]),
    command: oneIn([null, ['echo', 'hi']], [[], 'echo', [1]]),
    retry: oneIn([{ attempts: 3 }, { backoff: { delay: '90s' } }], [{ attempts: 0 }, { atempts: 3 }, 3]),
    timeout: oneIn([null, '90s', '1h'], ['-1s', 'soon', 5]),
    memory: oneIn(['512Mi', '1Gi'], ['1', '0', 'much']),
  },
  { requiredKeys: ['image', 'schedule'] },
)
const app = fc.record(
  {
    image: oneIn(['a', 'your-org/api:${TAG:-latest}'], NOT_A_NAME),
    replicas: oneIn([0, 1, 100], [-1, 101, 1.5, '2']),
    command: oneIn([null, ['node', 'worker.js']], [[], 'node']),
    env: oneIn([{}, { A: '${SET}' }], [{ '1A': 'x' }]),
    drain: oneIn(['90s', '1h'], ['soon', 5]),
    ready: oneIn(['auto', 'registered'], ['never']),
    readyTimeout: oneIn(['2m'], [null]),
    cpus: oneIn([0.5, 2], [0, '1']),
  },
  { requiredKeys: ['image'] },
)
const manifest = fc.record(
  {
    version: oneIn([1], [2, '1']),
    project: oneIn(['shop'], NOT_A_NAME),
    env: oneIn([{}, { MODE: 'production' }], [{ 'A-B': 'x' }, []]),
    secrets: oneIn([[], ['API_KEY']], [[1], 'API_KEY']),
    cronjobs: fc.dictionary(
      oneIn(['a', 'weekly-digest', 'b2'], ['A', '-', '__proto__']) as fc.Arbitrary<string>,
      cronjob,
      {
        maxKeys: 3,
      },
    ),
    requires: oneIn([[], ['REDIS_URL']], [[1], 'REDIS_URL', ['A-B']]),
    apps: fc.dictionary(oneIn(['a', 'worker'], ['A', '__proto__']) as fc.Arbitrary<string>, app, { maxKeys: 2 }),
    cronjob: fc.constant({}),
  },
  { requiredKeys: ['cronjobs'], noNullPrototype: true },
)
