import { isDeepStrictEqual } from 'node:util'
import type { SubscriptionSpec, TopologyChange } from '../../events/driver.ts'
import { lookAt } from './channels.ts'
import type { Core } from './core.ts'
import type { RegisteredSubscription } from './registry-state.ts'
import { mainArguments } from './topology.ts'

export async function planChanges(
  core: Core,
  spec: SubscriptionSpec,
  entry: RegisteredSubscription | undefined,
  signal?: AbortSignal,
): Promise<readonly TopologyChange[]> {
  if (entry === undefined) return creation(core, spec)
  return [
    ...(await missing(core, spec.name, entry, signal)),
    ...migration(core, spec, entry),
    ...spec.patterns
      .filter((pattern) => !entry.patterns.includes(pattern))
      .map((pattern) => ({ action: 'bind', what: `"${pattern}" will be delivered to ${spec.name}` }) as const),
    ...entry.patterns
      .filter((pattern) => !spec.patterns.includes(pattern))
      .map(
        (pattern) => ({ action: 'unbind', what: `"${pattern}" will no longer be delivered to ${spec.name}` }) as const,
      ),
  ]
}

function creation(core: Core, spec: SubscriptionSpec): readonly TopologyChange[] {
  const { names } = core
  const order = spec.order === 'strict' ? ' (strict order)' : ''
  return [
    {
      action: 'create',
      what: `queues of ${spec.name}: ${names.main(spec.name, 1)}${order}, retries, suspects, dead letters`,
    },
    ...spec.patterns.map(
      (pattern) => ({ action: 'bind', what: `"${pattern}" will be delivered to ${spec.name}` }) as const,
    ),
  ]
}

function migration(core: Core, spec: SubscriptionSpec, entry: RegisteredSubscription): readonly TopologyChange[] {
  const wanted = mainArguments(core.names, spec)
  const changes: TopologyChange[] = []
  if (entry.leaving !== null)
    changes.push({ action: 'migrate', what: `what still waits in ${entry.leaving} will be moved, then it is removed` })
  if (isDeepStrictEqual(entry.arguments, wanted)) return changes
  const old = core.names.main(spec.name, entry.generation)
  const next = core.names.main(spec.name, entry.generation + 1)
  const what = Object.keys({ ...entry.arguments, ...wanted })
    .filter((key) => entry.arguments[key] !== wanted[key])
    .map((key) => `${key} ${String(entry.arguments[key] ?? 'unset')} → ${String(wanted[key] ?? 'unset')}`)
  changes.push({ action: 'migrate', what: `${old} → ${next} (${what.join(', ')}); what waits is moved` })
  return changes
}

async function missing(
  core: Core,
  name: string,
  entry: RegisteredSubscription,
  signal?: AbortSignal,
): Promise<readonly TopologyChange[]> {
  const { link, settings, names } = core
  const queues = [names.main(name, entry.generation), names.retry(name), names.isolated(name), names.dead(name)]
  const found = await Promise.all(queues.map(async (queue) => lookAt(link, settings.waitMs, queue, signal)))
  return queues
    .filter((_queue, index) => found[index] === null)
    .map((queue) => ({ action: 'create', what: `${queue}, which was deleted` }) as const)
}
