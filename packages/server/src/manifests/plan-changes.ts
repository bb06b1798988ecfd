import type { Change, Manifest } from '@pandastack/contract'
import { maskedTarget } from '../alerts/stored-channel.ts'
import type { ProjectState } from './project-state.ts'

type Field = Change['fields'][number]
type Desired = Pick<Manifest, 'env' | 'requires' | 'cronjobs' | 'apps' | 'alerts'>

/**
 * What has to change so that the project looks as the manifest says; pure. Things the manifest does not name are only
 * deleted with `prune`. Values of variables and addresses of channels are masked: the plan is shown and logged.
 *
 * An app whose newest revision failed is not as the file says, so it is deployed again (`deploy: "failed" → "again"`).
 */
export function planChanges(desired: Desired, current: ProjectState, options: { prune: boolean }): Change[] {
  const { prune } = options
  const needed = new Set(desired.requires)
  const env = Object.entries(current.env).filter(([name]) => !needed.has(name) || Object.hasOwn(desired.env, name))
  return [
    ...diffKind('env', new Map(Object.entries(desired.env)), new Map(env), prune),
    ...diffKind('cronjob', new Map(Object.entries(desired.cronjobs)), current.cronjobs, prune),
    ...diffKind('app', desiredApps(desired, current), currentApps(current), prune),
    ...diffKind('alert', new Map(Object.entries(desired.alerts)), current.alerts, prune),
  ]
}

function desiredApps({ apps }: Desired, current: ProjectState): Map<string, unknown> {
  return new Map(
    Object.entries(apps).map(([name, app]) => {
      const before = current.apps.get(name)
      const again = before?.failed === true ? { deploy: 'again' } : {}
      return [name, { ...app, replicas: app.replicas ?? before?.replicas ?? 1, ...again }]
    }),
  )
}

function currentApps({ apps }: ProjectState): Map<string, unknown> {
  return new Map(
    [...apps].map(([name, { spec, replicas, failed }]) => [
      name,
      { ...spec, replicas, ...(failed ? { deploy: 'failed' } : {}) },
    ]),
  )
}

function diffKind(
  kind: Change['kind'],
  desired: ReadonlyMap<string, unknown>,
  current: ReadonlyMap<string, unknown>,
  prune: boolean,
): Change[] {
  const changes: Change[] = []
  for (const [name, after] of [...desired].sort(([a], [b]) => a.localeCompare(b))) {
    const before = current.get(name)
    const fields = diffFields(kind, before, after)
    const action = before === undefined ? 'create' : fields.length > 0 ? 'update' : 'unchanged'
    changes.push({ kind, name, action, fields })
  }
  if (!prune) return changes
  for (const [name, before] of [...current].sort(([a], [b]) => a.localeCompare(b))) {
    if (!desired.has(name)) changes.push({ kind, name, action: 'delete', fields: diffFields(kind, before, undefined) })
  }
  return changes
}

function diffFields(kind: Change['kind'], before: unknown, after: unknown): Field[] {
  const [old, wanted] = [flatten(before), flatten(after)]
  const fields: Field[] = []
  for (const path of new Set([...old.keys(), ...wanted.keys()])) {
    const [was, is] = [old.get(path), wanted.get(path)]
    if (was === is) continue
    fields.push({ path, before: shown(kind, path, was), after: shown(kind, path, is) })
  }
  return fields
}

/** `{ retry: { attempts: 3 } }` → `retry.attempts` = `3`; arrays are compared as a whole. */
function flatten(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return into
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, each] of Object.entries(value)) flatten(each, path === '' ? key : `${path}.${key}`, into)
  } else {
    into.set(path, JSON.stringify(value))
  }
  return into
}

function shown(kind: Change['kind'], path: string, json: string | undefined): string | null {
  if (json === undefined) return null
  if (kind === 'env' || path.startsWith('env.')) return '•••'
  if (kind === 'alert' && path === 'channel.url')
    return maskedTarget({ kind: 'webhook', url: String(JSON.parse(json)) })
  return json
}
