import { type ManifestInput, manifestSchema } from '@pandastack/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planChanges } from './plan-changes.ts'
import type { ProjectState } from './project-state.ts'

const digest = { image: 'your-org/mailer:latest', schedule: '0 8 * * 1' }
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
    alerts: new Map(Object.entries(manifest.alerts)),
  }
}

function plan(desired: ManifestInput, current: ManifestInput, prune = false) {
  return planChanges(parse(desired), stateOf(current), { prune })
}

describe('planChanges', () => {
  it('finds nothing to do when all is as it should be', () => {
    const manifest = { env: { A: '1' }, cronjobs: { digest }, alerts: { oncall } }
    expect(plan(manifest, manifest, true).map(({ action }) => action)).toEqual(['unchanged', 'unchanged', 'unchanged'])
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
    const current = { env: { OLD: 'x' }, cronjobs: { old: digest }, alerts: { old: oncall } }
    expect(plan({}, current)).toEqual([])
    expect(plan({}, current, true).map(({ kind, action }) => `${action} ${kind}`)).toEqual([
      'delete env',
      'delete cronjob',
      'delete alert',
    ])
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

  it('after its changes nothing is left to do, whatever the two sides are', () => {
    const names = fc.constantFrom('a', 'b', 'c')
    const cronjobs = fc.dictionary(
      names,
      fc.record({ image: fc.constantFrom('x', 'y'), schedule: fc.constantFrom('@daily', '@hourly') }),
    )
    const manifest = fc.record({ env: fc.dictionary(fc.constantFrom('A', 'B'), fc.string()), cronjobs })
    fc.assert(
      fc.property(manifest, manifest, (desired, current) => {
        const changes = plan(desired, current, true)
        const touched = new Set(
          changes.filter(({ action }) => action !== 'unchanged').map(({ kind, name }) => `${kind} ${name}`),
        )
        const differs = (kind: 'env' | 'cronjobs', word: string) => {
          for (const name of new Set([...Object.keys(desired[kind]), ...Object.keys(current[kind])])) {
            const same = JSON.stringify(desired[kind][name]) === JSON.stringify(current[kind][name])
            expect(touched.has(`${word} ${name}`)).toBe(!same)
          }
        }
        differs('env', 'env')
        differs('cronjobs', 'cronjob')
      }),
    )
  })
})
