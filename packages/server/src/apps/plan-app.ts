import { parseDuration, type Reason, type RevisionState } from '@pandastack/contract'

/** Ends in a row after which an instance that was never ready ends its deploy. */
export const MAX_CRASHES = 3

/** An app as the planner sees it; times in milliseconds by the database's clock. */
export interface PlannedApp {
  readonly replicas: number
  readonly stopped: boolean
  readonly deleted: boolean
  /** The newest revision. */
  readonly revision: number
  readonly state: RevisionState
  readonly readyTimeout: string
  readonly deployingForMs: number
  /** The last one that was ready; null = none. */
  readonly readyRevision: number | null
}

/** One that has not ended. */
export interface PlannedInstance {
  readonly id: string
  readonly revision: number
  readonly slot: number
  readonly ready: boolean
  readonly crashes: number
  readonly ending: boolean
  /** How its last container ended. */
  readonly message: string | null
}

export interface AppPlan {
  readonly create: readonly { readonly revision: number; readonly slot: number }[]
  readonly cancel: readonly { readonly id: string; readonly reason: Reason; readonly replacedBy: number | null }[]
  /** What becomes of the newest revision. */
  readonly verdict: { readonly state: 'ready' } | { readonly state: 'failed'; readonly message: string } | null
}

const NOTHING: AppPlan = { create: [], cancel: [], verdict: null }

/**
 * What brings an app's instances to what was declared. Pure; called again after each change.
 *
 * A deploy starts all instances of the new revision beside those of the old one. When all are ready the old ones are
 * asked to end; when they do not become ready in time, or crash three times, the new ones are, and the old ones stay.
 */
export function planApp(app: PlannedApp, instances: readonly PlannedInstance[]): AppPlan {
  const live = instances.filter((instance) => !instance.ending)
  if (app.deleted || app.stopped) return { ...NOTHING, cancel: all(live, app.deleted ? 'deleted' : 'by-hand') }
  if (app.state === 'failed') return fall(app, live, null)
  if (app.state !== 'deploying') return keep(app, live, app.revision)
  const own = live.filter((instance) => instance.revision === app.revision)
  const why = whyFailed(app, own)
  if (why !== null) return fall(app, live, why)
  const wanted = slots(app.replicas)
  const ready = wanted.filter((slot) => own.some((instance) => instance.slot === slot && instance.ready))
  if (ready.length < wanted.length) return fill(app, own, app.revision)
  return { ...keep(app, live, app.revision), verdict: { state: 'ready' } }
}

function whyFailed(app: PlannedApp, own: readonly PlannedInstance[]): string | null {
  const crashed = own.find((instance) => !instance.ready && instance.crashes >= MAX_CRASHES)
  if (crashed !== undefined) {
    return `an instance ended ${crashed.crashes} times before it was ready; the last time it ${crashed.message ?? 'ended'}`
  }
  if (app.replicas === 0 || app.deployingForMs < parseDuration(app.readyTimeout)) return null
  const ready = own.filter((instance) => instance.ready).length
  const last = own.find((instance) => !instance.ready && instance.message !== null)?.message
  const why = last === undefined || last === null ? '' : `; one of the others ${last}`
  return `${ready} of ${app.replicas} instances were ready within ${app.readyTimeout}${why}`
}

/** Back to the revision before, if there is one. */
function fall(app: PlannedApp, live: readonly PlannedInstance[], why: string | null): AppPlan {
  const verdict = why === null ? null : ({ state: 'failed', message: why } as const)
  const failed = live.filter((instance) => instance.revision !== app.readyRevision)
  const cancel = all(failed, 'not-ready')
  if (app.readyRevision === null) return { create: [], cancel, verdict }
  const back = keep(app, live, app.readyRevision)
  const kept = back.cancel.filter(({ id }) => !failed.some((instance) => instance.id === id))
  return { create: back.create, cancel: [...cancel, ...kept], verdict }
}

/** All slots of this revision, and nothing else. */
function keep(app: PlannedApp, live: readonly PlannedInstance[], revision: number): AppPlan {
  const others = live.filter((instance) => instance.revision !== revision)
  const own = live.filter((instance) => instance.revision === revision)
  const filled = fill(app, own, revision)
  return { ...filled, cancel: [...filled.cancel, ...all(others, 'replaced', revision)] }
}

function fill(app: PlannedApp, own: readonly PlannedInstance[], revision: number): AppPlan {
  const create = slots(app.replicas)
    .filter((slot) => !own.some((instance) => instance.slot === slot))
    .map((slot) => ({ revision, slot }))
  const surplus = own.filter((instance) => instance.slot > app.replicas)
  return { create, cancel: all(surplus, 'scaled-down'), verdict: null }
}

function slots(replicas: number): number[] {
  return Array.from({ length: replicas }, (_, index) => index + 1)
}

function all(instances: readonly PlannedInstance[], reason: Reason, replacedBy: number | null = null) {
  return instances.map(({ id }) => ({ id, reason, replacedBy }))
}
