import { parseDuration, type Reason, type RevisionState } from '@pandastack/contract'
import { publishedBy, withPorts } from './plan-ports.ts'

/** Ends in a row after which an instance that was never ready ends its deploy. */
export const MAX_CRASHES = 3

/** Of queues and subscriptions that did not come up so many are named in the reason of a deploy that failed. */
const MISSING_NAMED = 5

/** An app as the planner sees it; times in milliseconds by the database's clock. */
export interface PlannedApp {
  readonly replicas: number
  readonly stopped: boolean
  readonly deleted: boolean
  /** The newest revision. */
  readonly revision: number
  readonly state: RevisionState
  readonly readyTimeout: string
  /** Since the newest revision was made, or since its instance got the port that it waited for. */
  readonly deployingForMs: number
  /** The last one that was ready; null = none. */
  readonly readyRevision: number | null
  /** What the newest revision, and the one that was ready, publish; null = nothing. */
  readonly port: string | null
  readonly readyPort: string | null
}

/** One that has not ended. */
export interface PlannedInstance {
  readonly id: string
  readonly revision: number
  readonly slot: number
  readonly ready: boolean
  readonly crashes: number
  readonly ending: boolean
  /** Its queues and subscriptions that have said that they start, and have not registered. */
  readonly starting: readonly string[]
  /** How its last container ended, or why there is none. */
  readonly message: string | null
  /** True when the last container could not even be started. */
  readonly refused: boolean
  /** Published by its revision; null = none. */
  readonly port: string | null
  /**
   * It waits for a port that another instance has: until its image is there (`for-image`), then for the port itself.
   * Null = it may start, or has.
   */
  readonly held: 'for-image' | 'for-port' | null
}

export interface AppPlan {
  /** `after`: the instance that has the port it wants, and whose engine it is to use; null = it may start at once. */
  readonly create: readonly { readonly revision: number; readonly slot: number; readonly after: string | null }[]
  readonly cancel: readonly { readonly id: string; readonly reason: Reason; readonly replacedBy: number | null }[]
  /** Those that waited for a port that is free now. */
  readonly release: readonly string[]
  /** What becomes of the newest revision. */
  readonly verdict: { readonly state: 'ready' } | { readonly state: 'failed'; readonly message: string } | null
}

/** The same before ports are thought of. */
interface Draft extends Pick<AppPlan, 'cancel' | 'verdict'> {
  readonly create: readonly { readonly revision: number; readonly slot: number }[]
}

const NOTHING: Draft = { create: [], cancel: [], verdict: null }

/**
 * What brings an app's instances to what was declared. Pure; called again after each change.
 *
 * A deploy starts all instances of the new revision beside those of the old one. When all are ready the old ones are
 * asked to end; when they do not become ready in time, or crash three times, the new ones are, and the old ones stay.
 * Where both want the same published port the old one goes first, and comes back when the new one fails: plan-ports.ts.
 */
export function planApp(app: PlannedApp, instances: readonly PlannedInstance[]): AppPlan {
  return withPorts(app, instances, planRevisions(app, instances))
}

function planRevisions(app: PlannedApp, instances: readonly PlannedInstance[]): Draft {
  const live = instances.filter((instance) => !instance.ending)
  if (app.deleted || app.stopped) return { ...NOTHING, cancel: all(live, app.deleted ? 'deleted' : 'by-hand') }
  if (app.state === 'failed') return fall(app, live, null)
  if (app.state !== 'deploying') return keep(app, live, app.revision)
  const own = live.filter((instance) => instance.revision === app.revision)
  const why = whyFailed(app, own)
  if (why !== null) return fall(app, live, why)
  const wanted = slotsOf(app, app.revision)
  const ready = wanted.filter((slot) => own.some((instance) => instance.slot === slot && instance.ready))
  if (ready.length < wanted.length) return fill(app, own, app.revision)
  return { ...keep(app, live, app.revision), verdict: { state: 'ready' } }
}

function whyFailed(app: PlannedApp, own: readonly PlannedInstance[]): string | null {
  const crashed = own.find((instance) => !instance.ready && instance.crashes >= MAX_CRASHES)
  if (crashed !== undefined) {
    const { crashes, message, refused } = crashed
    if (refused) return `an instance could not be started ${crashes} times; the last time: ${message}`
    return `an instance ended ${crashes} times before it was ready; the last time it ${message ?? 'ended'}`
  }
  // The drain time of the one before it, which is not for it to answer for.
  if (own.some(({ held }) => held === 'for-port')) return null
  if (app.replicas === 0 || app.deployingForMs < parseDuration(app.readyTimeout)) return null
  const ready = own.filter((instance) => instance.ready).length
  const last = own.find((instance) => !instance.ready && instance.message !== null)?.message
  const why = last === undefined || last === null ? '' : `; one of the others ${last}`
  const missing = new Set(own.flatMap((instance) => (instance.ready ? [] : instance.starting)))
  const waits = missing.size === 0 ? '' : `; not registered: ${[...missing].slice(0, MISSING_NAMED).join(', ')}`
  return `${ready} of ${app.replicas} instances were ready within ${app.readyTimeout}${waits}${why}`
}

/** Back to the revision before, if there is one. */
function fall(app: PlannedApp, live: readonly PlannedInstance[], why: string | null): Draft {
  const verdict = why === null ? null : ({ state: 'failed', message: why } as const)
  const failed = live.filter((instance) => instance.revision !== app.readyRevision)
  const cancel = all(failed, 'not-ready')
  if (app.readyRevision === null) return { create: [], cancel, verdict }
  const back = keep(app, live, app.readyRevision)
  const kept = back.cancel.filter(({ id }) => !failed.some((instance) => instance.id === id))
  return { create: back.create, cancel: [...cancel, ...kept], verdict }
}

/** All slots of this revision, and nothing else. */
function keep(app: PlannedApp, live: readonly PlannedInstance[], revision: number): Draft {
  const others = live.filter((instance) => instance.revision !== revision)
  const own = live.filter((instance) => instance.revision === revision)
  const filled = fill(app, own, revision)
  return { ...filled, cancel: [...filled.cancel, ...all(others, 'replaced', revision)] }
}

function fill(app: PlannedApp, own: readonly PlannedInstance[], revision: number): Draft {
  const wanted = slotsOf(app, revision)
  const create = wanted
    .filter((slot) => !own.some((instance) => instance.slot === slot))
    .map((slot) => ({ revision, slot }))
  const surplus = own.filter((instance) => instance.slot > wanted.length)
  return { create, cancel: all(surplus, 'scaled-down'), verdict: null }
}

/** A port of the machine can be had once; more replicas than that are what a later revision without one wants. */
function slotsOf(app: PlannedApp, revision: number): number[] {
  const length = publishedBy(app, revision) === null ? app.replicas : Math.min(1, app.replicas)
  return Array.from({ length }, (_, index) => index + 1)
}

function all(instances: readonly PlannedInstance[], reason: Reason, replacedBy: number | null = null) {
  return instances.map(({ id }) => ({ id, reason, replacedBy }))
}
