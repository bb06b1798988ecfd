import { type ManifestInput, manifestSchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { missingReferences, referenceMissing } from './missing-references.ts'
import type { ProjectState } from './project-state.ts'

const cronjob = { image: 'your-org/mailer:latest', schedule: '0 8 * * 1' }
const channel = { kind: 'slack' as const, url: 'https://hooks.slack.com/services/T0/B0/hushhush' }

function project(has: { env?: string[]; secrets?: string[]; cronjobs?: string[]; apps?: string[] }): ProjectState {
  const parsed = manifestSchema.parse({ cronjobs: { x: cronjob }, apps: { x: { image: 'a' } } })
  const [spec, app] = [parsed.cronjobs['x'], parsed.apps['x']]
  if (spec === undefined || app === undefined) throw new Error('the parser dropped something')
  const { replicas, ...appSpec } = app
  const current = { spec: appSpec, replicas: replicas ?? 1, stopped: false, failed: false }
  return {
    env: Object.fromEntries((has.env ?? []).map((name) => [name, 'x'])),
    secrets: new Set(has.secrets ?? []),
    cronjobs: new Map((has.cronjobs ?? []).map((name) => [name, spec])),
    apps: new Map((has.apps ?? []).map((name) => [name, current])),
    alerts: new Map(),
  }
}

function missing(manifest: ManifestInput, has: Parameters<typeof project>[0], prune = false): string[] {
  const found = missingReferences(manifestSchema.parse(manifest), project(has), { project: 'shop', prune })
  return found.map(({ path, message }) => `${path}: ${message}`)
}

describe('missingReferences', () => {
  it.each([
    ['a variable of the project', { env: ['REDIS_URL'] }, {}],
    ['a secret of the project', { secrets: ['REDIS_URL'] }, {}],
    ['a variable of the file', {}, { env: { REDIS_URL: 'redis://x' } }],
  ])('takes %s for what is required', (_what, has, more) => {
    expect(missing({ requires: ['REDIS_URL'], ...more }, has)).toEqual([])
  })

  it('names each variable and secret that is not set; a variable is no secret', () => {
    expect(missing({ requires: ['REDIS_URL', 'A'], secrets: ['A'] }, { env: ['A'] })).toEqual([
      'secrets.0: the secret A is not set',
      'requires.0: the variable REDIS_URL is not set',
    ])
  })

  it('is not deceived by what every object answers to', () => {
    expect(missing({ requires: ['constructor', 'toString'] }, {})).toHaveLength(2)
    expect(missing({ alerts: { a: { channel, cronjob: 'constructor', app: 'valueof' } } }, {})).toHaveLength(2)
  })

  it('finds what alerts are for in the file and in the project', () => {
    const alerts = { oncall: { channel, cronjob: 'digest', app: 'worker' } }
    expect(missing({ alerts, cronjobs: { digest: cronjob }, apps: { worker: { image: 'a' } } }, {})).toEqual([])
    expect(missing({ alerts }, { cronjobs: ['digest'], apps: ['worker'] })).toEqual([])
    expect(missing({ alerts }, { apps: ['digest'], cronjobs: ['worker'] })).toEqual([
      'alerts.oncall.cronjob: the alert oncall is for the cronjob "digest", which neither the file nor the project has',
      'alerts.oncall.app: the alert oncall is for the app "worker", which neither the file nor the project has',
    ])
  })

  it('does not count what --prune deletes', () => {
    const alerts = { oncall: { channel, app: 'worker' } }
    expect(missing({ alerts }, { apps: ['worker'] }, true)).toEqual([
      'alerts.oncall.app: the alert oncall is for the app "worker", which --prune deletes',
    ])
  })
})

it('the error names all of it, where it stands and what to do', () => {
  const manifest = manifestSchema.parse({ secrets: ['A'], requires: ['B'] })
  const found = missingReferences(manifest, project({}), { project: 'shop', prune: false })
  const error = referenceMissing(found)
  expect(error).toMatchObject({ code: 'reference_missing', status: 409 })
  expect(error.message).toBe('Nothing was changed: the secret A is not set; the variable B is not set.')
  expect(error.hint).toBe('panda secret set A --project shop; panda env set B=… --project shop')
  expect(error.errors.map(({ path }) => path)).toEqual(['manifest.secrets.0', 'manifest.requires.0'])
})
