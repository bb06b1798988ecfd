import { type ManifestInput, manifestSchema } from '@pandastack/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planChanges } from './plan-changes.ts'
import type { ProjectState } from './project-state.ts'

const digest = { image: 'your-org/mailer:latest', schedule: '0 8 * * 1' }
const worker = { image: 'your-org/api:1', command: ['node', 'worker.js'] }
const oncall = { channel: { kind: 'slack' as const, url: 'https://hooks.slack.com/services/T0/B0/hushhush' } }

function parse(input: ManifestInput) {
  return manifestSchema.parse(input)
}

function stateOf(input: ManifestInput): ProjectState {
  const manifest = parse(input)
  return {
    env: manifest.env,
    secrets: new Set(),
    cronjobs: new Map(Object.entries(manifest.cronjobs)),
    apps: new Map(
      Object.entries(manifest.apps).map(([name, { replicas = 1, ...spec }]) => [
        name,
        { spec, replicas, stopped: false, failed: false },
      ]),
    ),
    alerts: new Map(Object.entries(manifest.alerts)),
  }
}

function plan(desired: ManifestInput, current: ManifestInput, prune = false) {
  return planChanges(parse(desired), stateOf(current), { prune })
}

describe('planChanges', () => {
  it('finds nothing to do when all is as it should be', () => {
    const manifest = { env: { A: '1' }, cronjobs: { digest }, apps: { worker }, alerts: { oncall } }
    expect(plan(manifest, manifest, true).map(({ kind, action }) => `${action} ${kind}`)).toEqual([
      'unchanged env',
      'unchanged cronjob',
      'unchanged app',
      'unchanged alert',
    ])
  })

  it('names the fields that change, with before and after', () => {
    const changes = plan(
      { cronjobs: { digest: { ...digest, schedule: '0 9 * * 1', retry: { attempts: 3 } } } },
      { cronjobs: { digest } },
    )
    expect(changes).toEqual([
      {
        kind: 'cronjob',
        name: 'digest',
        action: 'update',
        fields: [
          { path: 'schedule', before: '"0 8 * * 1"', after: '"0 9 * * 1"' },
          { path: 'retry.attempts', before: '1', after: '3' },
        ],
      },
    ])
  })

  it('deletes only with prune', () => {
    const current = { env: { OLD: 'x' }, cronjobs: { old: digest }, apps: { old: worker }, alerts: { old: oncall } }
    expect(plan({}, current)).toEqual([])
    expect(plan({}, current, true).map(({ kind, action }) => `${action} ${kind}`)).toEqual([
      'delete env',
      'delete cronjob',
      'delete app',
      'delete alert',
    ])
  })

  it('leaves a variable that the file requires, and whose value it does not say', () => {
    const current = { env: { REDIS_URL: 'redis://here', OLD: 'x' } }
    const changes = plan({ requires: ['REDIS_URL'] }, current, true)
    expect(changes.map(({ action, name }) => `${action} ${name}`)).toEqual(['delete OLD'])
    const both = plan({ requires: ['REDIS_URL'], env: { REDIS_URL: 'redis://there' } }, current)
    expect(both).toMatchObject([{ name: 'REDIS_URL', action: 'update' }])
  })

  it('shows no value of a variable and no address of a channel', () => {
    const changes = plan(
      { env: { KEY: 'new-hush' }, cronjobs: { digest: { ...digest, env: { KEY: 'new-hush' } } }, alerts: { oncall } },
      { env: { KEY: 'old-hush' }, cronjobs: { digest: { ...digest, env: { KEY: 'old-hush' } } } },
      true,
    )
    expect(changes.map(({ action }) => action)).toEqual(['update', 'update', 'create'])
    expect(JSON.stringify(changes)).not.toContain('hush')
    expect(JSON.stringify(changes)).toContain('https://hooks.slack.com/…')
  })

  it('names what differs of an app, its command as a whole and its variables without values', () => {
    const [change] = plan(
      { apps: { worker: { ...worker, command: ['node', 'other.js'], env: { KEY: 'new-hush' }, drain: '90s' } } },
      { apps: { worker: { ...worker, env: { KEY: 'old-hush' } } } },
    )
    expect(change).toEqual({
      kind: 'app',
      name: 'worker',
      action: 'update',
      fields: [
        { path: 'command', before: '["node","worker.js"]', after: '["node","other.js"]' },
        { path: 'env.KEY', before: '•••', after: '•••' },
        { path: 'drain', before: '"30s"', after: '"1m30s"' },
      ],
    })
  })

  it('leaves the number of instances as it was scaled, unless the file says one', () => {
    const current = { apps: { worker: { ...worker, replicas: 5 } } }
    expect(plan({ apps: { worker } }, current)).toMatchObject([{ action: 'unchanged' }])
    expect(plan({ apps: { worker: { ...worker, replicas: 2 } } }, current)).toMatchObject([
      { action: 'update', fields: [{ path: 'replicas', before: '5', after: '2' }] },
    ])
  })

  it('deploys an app again whose newest revision failed', () => {
    const state = stateOf({ apps: { worker } })
    const failed = [...state.apps].map(([name, app]) => [name, { ...app, failed: true }] as const)
    const changes = planChanges(parse({ apps: { worker } }), { ...state, apps: new Map(failed) }, { prune: false })
    expect(changes).toEqual([
      {
        kind: 'app',
        name: 'worker',
        action: 'update',
        fields: [{ path: 'deploy', before: '"failed"', after: '"again"' }],
      },
    ])
  })

  it('after its changes nothing is left to do, whatever the two sides are', () => {
    const names = fc.constantFrom('a', 'b', 'c')
    const cronjobs = fc.dictionary(
      names,
      fc.record({ image: fc.constantFrom('x', 'y'), schedule: fc.constantFrom('@daily', '@hourly') }),
    )
    const apps = fc.dictionary(
      names,
      fc.record({
        image: fc.constantFrom('x', 'y'),
        replicas: fc.integer({ min: 0, max: 2 }),
        command: fc.constantFrom<string[]>(['a'], ['a', 'b']),
      }),
    )
    const manifest = fc.record({ env: fc.dictionary(fc.constantFrom('A', 'B'), fc.string()), cronjobs, apps })
    fc.assert(
      fc.property(manifest, manifest, (desired, current) => {
        const changes = plan(desired, current, true)
        const touched = new Set(
          changes.filter(({ action }) => action !== 'unchanged').map(({ kind, name }) => `${kind} ${name}`),
        )
        const differs = (kind: 'env' | 'cronjobs' | 'apps', word: string) => {
          for (const name of new Set([...Object.keys(desired[kind]), ...Object.keys(current[kind])])) {
            const same = JSON.stringify(desired[kind][name]) === JSON.stringify(current[kind][name])
            expect(touched.has(`${word} ${name}`)).toBe(!same)
          }
        }
        differs('env', 'env')
        differs('cronjobs', 'cronjob')
        differs('apps', 'app')
      }),
    )
  })
})
