import { isDeepStrictEqual } from 'node:util'
import type { SubscriptionSpec, TopologyChange } from '../../events/driver.ts'
import { onChannel } from './channels.ts'
import type { Core } from './core.ts'
import { declare } from './declare.ts'
import { drain } from './drain.ts'
import { forwarded, travelOf } from './message.ts'
import { homeKey } from './names.ts'
import { planChanges } from './plan.ts'
import { registered, type RegisteredSubscription, withSubscription } from './registry-state.ts'
import { mainArguments, mainParts, sideParts, stateParts } from './topology.ts'
import { deliverUnrouted } from './unrouted.ts'

export async function plan(
  core: Core,
  spec: SubscriptionSpec,
  signal?: AbortSignal,
): Promise<readonly TopologyChange[]> {
  const state = await core.registry.read(signal)
  return planChanges(core, spec, registered(state, spec.name), signal)
}

export async function apply(
  core: Core,
  spec: SubscriptionSpec,
  signal?: AbortSignal,
): Promise<readonly TopologyChange[]> {
  await core.ensureShared(signal)
  return core.locks.hold(core.names.lock(`apply.${spec.name}`), async () => applyLocked(core, spec, signal), signal)
}

async function applyLocked(
  core: Core,
  spec: SubscriptionSpec,
  signal?: AbortSignal,
): Promise<readonly TopologyChange[]> {
  const before = registered(await core.registry.read(signal), spec.name)
  const changes = await planChanges(core, spec, before, signal)
  if (changes.length === 0) return changes
  await declareSides(core, spec, signal)
  const next = nextEntry(core, spec, before)
  const entry =
    before !== undefined && next.generation !== before.generation
      ? await migrate(core, spec.name, before, next)
      : await declareMain(core, spec.name, next, signal)
  await unbind(core, spec.name, before, entry)
  await register(core, spec.name, entry, signal)
  if (entry.leaving !== null) await finishMigration(core, spec.name, entry, entry.leaving)
  await deliverUnrouted(core, spec, entry.generation)
  return changes
}

function nextEntry(
  core: Core,
  spec: SubscriptionSpec,
  before: RegisteredSubscription | undefined,
): RegisteredSubscription {
  const wanted = mainArguments(core.names, spec)
  const same = before === undefined || isDeepStrictEqual(before.arguments, wanted)
  return {
    patterns: spec.patterns,
    order: spec.order,
    paused: before?.paused ?? false,
    generation: before === undefined ? 1 : before.generation + (same ? 0 : 1),
    arguments: wanted,
    leaving: before?.leaving ?? null,
  }
}

/** A queue of that name that is none of ours, or of a former life, has other arguments: then the next number is taken. */
async function declareMain(
  core: Core,
  name: string,
  entry: RegisteredSubscription,
  signal?: AbortSignal,
): Promise<RegisteredSubscription> {
  const { link, settings, names } = core
  const different = await declare(link, settings.waitMs, mainParts(names, name, { ...entry, patterns: [] }), signal)
  const queue = names.main(name, entry.generation)
  if (different.includes(queue))
    return declareMain(
      core,
      name,
      { ...entry, generation: entry.generation + 1, leaving: entry.leaving ?? queue },
      signal,
    )
  await declare(link, settings.waitMs, mainParts(names, name, entry), signal)
  return entry
}

/**
 * What waits is moved first, so that it stays ahead of what is new; then the new queue is bound, then the old one unbound: an
 * event of that moment may be in both, and none is in neither. Only then are consumers told.
 */
async function migrate(
  core: Core,
  name: string,
  before: RegisteredSubscription,
  next: RegisteredSubscription,
): Promise<RegisteredSubscription> {
  const old = core.names.main(name, before.generation)
  const { link, settings, names } = core
  await declare(link, settings.waitMs, mainParts(names, name, { ...next, patterns: [] }))
  // The one consumer of strict order would keep it all: it must go first.
  if (before.order !== 'strict') await moveWaiting(core, name, next.generation, old, () => true)
  const entry = await declareMain(core, name, { ...next, leaving: old })
  await unbindAll(core, old, [...before.patterns, ...next.patterns])
  return entry
}

/** Consumers have been told to leave; the queue is removed when none is left that could hand something back to it. */
async function finishMigration(core: Core, name: string, entry: RegisteredSubscription, old: string): Promise<void> {
  const { link, settings } = core
  const exists = await onChannel(link, settings.waitMs, `a look at ${old}`, async (channel) =>
    channel.checkQueue(old).then(
      () => true,
      () => false,
    ),
  )
  if (exists) {
    const finished = await moveWaiting(core, name, entry.generation, old, (others) => others === 0)
    // Some consumer takes its time: the next `apply` goes on from here.
    if (!finished) return
    await onChannel(link, settings.waitMs, `removing ${old}`, async (channel) => channel.deleteQueue(old))
  }
  await register(core, name, { ...entry, leaving: null })
}

async function moveWaiting(
  core: Core,
  name: string,
  generation: number,
  old: string,
  isOver: (others: number) => boolean,
): Promise<boolean> {
  const { finished } = await drain(core, {
    queue: old,
    route: (message) => forwarded(core.names.home, homeKey.main(name, generation), message, travelOf(message)),
    isOver,
    until: Date.now() + core.settings.waitMs,
  })
  return finished
}

async function declareSides(
  core: Core,
  spec: Pick<SubscriptionSpec, 'name' | 'order'>,
  signal?: AbortSignal,
): Promise<void> {
  const { link, settings, names } = core
  const state = spec.order === 'strict' ? stateParts(names, spec.name) : []
  await declare(link, settings.waitMs, [...sideParts(names, spec.name), ...state], signal)
}

async function unbind(
  core: Core,
  name: string,
  before: RegisteredSubscription | undefined,
  after: RegisteredSubscription,
): Promise<void> {
  const gone = before?.patterns.filter((pattern) => !after.patterns.includes(pattern)) ?? []
  if (gone.length === 0) return
  const { link, settings, names } = core
  const queue = names.main(name, after.generation)
  await onChannel(link, settings.waitMs, `unbinding ${queue}`, async (channel) => {
    for (const pattern of gone) await channel.unbindQueue(queue, names.events, pattern)
  })
}

async function unbindAll(core: Core, queue: string, patterns: readonly string[]): Promise<void> {
  const { link, settings, names } = core
  await onChannel(link, settings.waitMs, `unbinding ${queue}`, async (channel) => {
    for (const pattern of new Set(patterns)) await channel.unbindQueue(queue, names.events, pattern)
  })
}

async function register(
  core: Core,
  name: string,
  entry: RegisteredSubscription | null,
  signal?: AbortSignal,
): Promise<void> {
  await core.registry.update((state) => {
    const known = registered(state, name)
    if (entry === null) return known === undefined ? state : withSubscription(state, name, null)
    // Pausing has its own way in.
    const next = { ...entry, paused: known?.paused ?? entry.paused }
    return isDeepStrictEqual(known, next) ? state : withSubscription(state, name, next)
  }, signal)
}

/** As the registry has it, after something was deleted by somebody else. */
export async function restore(core: Core, name: string): Promise<void> {
  const entry = registered(await core.registry.read(), name)
  if (entry === undefined) return
  await core.ensureShared()
  await declareSides(core, { name, order: entry.order })
  await declare(core.link, core.settings.waitMs, mainParts(core.names, name, entry))
}

export async function unsubscribe(core: Core, name: string, signal?: AbortSignal): Promise<boolean> {
  return core.locks.hold(
    core.names.lock(`apply.${name}`),
    async () => {
      const entry = registered(await core.registry.read(signal), name)
      if (entry === undefined) return false
      const { link, settings, names } = core
      // First of all: a consumer must not make its queues again.
      await register(core, name, null, signal)
      const queues = [
        names.main(name, entry.generation),
        ...(entry.leaving === null ? [] : [entry.leaving]),
        names.retry(name),
        names.isolated(name),
        names.dead(name),
        names.state(name),
      ]
      await onChannel(link, settings.waitMs, `removing the queues of ${name}`, async (channel) => {
        for (const queue of queues) await channel.deleteQueue(queue)
      })
      return true
    },
    signal,
  )
}

export async function pause(core: Core, name: string, paused: boolean, signal?: AbortSignal): Promise<boolean> {
  const after = await core.registry.update((state) => {
    const entry = registered(state, name)
    return entry === undefined || entry.paused === paused ? state : withSubscription(state, name, { ...entry, paused })
  }, signal)
  return registered(after, name) !== undefined
}
