import { parsePublishedPort, portsOverlap } from '@pandastack/contract'
import type { AppPlan, PlannedApp, PlannedInstance } from './plan-app.ts'

type Create = { readonly revision: number; readonly slot: number }

/**
 * Adds to a plan what published ports ask for: of two instances that want the same port of the machine, the second does
 * not start before the first has ended.
 *
 * The second is created `held`. Its image is made present while the first goes on, so that an image that cannot be had
 * costs nothing. Then the first is asked to end, and when it has ended the second is let go.
 *
 * @param plan what is to be done apart from ports
 * @param instances all that have not ended, those that are ending too
 */
export function withPorts(
  app: PlannedApp,
  instances: readonly PlannedInstance[],
  plan: Omit<AppPlan, 'create' | 'release'> & { readonly create: readonly Create[] },
): AppPlan {
  const asked = new Set(plan.cancel.map(({ id }) => id))
  const staying = instances.filter(({ id, ending }) => !ending && !asked.has(id))
  const obsolete = staying.filter((instance) => instance.held !== null && !mayServe(app, instance.revision))
  const waiting = staying.filter((instance) => instance.held !== null && mayServe(app, instance.revision))
  const holders = instances.filter(({ held }) => held === null)
  const release = releases(app, waiting, holders)
  const next = app.state === 'deploying' ? waiting.find((one) => one.revision === app.revision) : undefined
  const inTheWay =
    next?.held !== 'for-port' ? [] : staying.filter((one) => one.held === null && overlap(one.port, next.port))
  return {
    create: plan.create.map((each) => ({ ...each, after: after(app, each.revision, instances) })),
    cancel: [
      ...plan.cancel,
      ...obsolete.map(({ id }) => ({ id, reason: 'replaced' as const, replacedBy: null })),
      ...inTheWay.map(({ id }) => ({ id, reason: 'replaced' as const, replacedBy: app.revision })),
    ],
    release,
    verdict: plan.verdict,
  }
}

/** What a deploy that was overtaken has left waiting has no unit and no turn any more. */
function mayServe({ revision, readyRevision }: PlannedApp, of: number): boolean {
  return of === revision || of === readyRevision
}

/** At most one for each port: the newest revision first, once its image is there, else the one that served before. */
function releases(
  app: PlannedApp,
  waiting: readonly PlannedInstance[],
  holders: readonly PlannedInstance[],
): readonly string[] {
  const isNext = (one: PlannedInstance): boolean => one.revision === app.revision && one.held === 'for-port'
  const turns = [...waiting.filter(isNext), ...waiting.filter((one) => !isNext(one))]
  const taken = holders.map(({ port }) => port)
  const released: string[] = []
  for (const { id, port } of turns) {
    if (taken.some((other) => overlap(other, port))) continue
    taken.push(port)
    released.push(id)
  }
  return released
}

/** The instance that a new one of this revision has to wait for. */
function after(app: PlannedApp, revision: number, instances: readonly PlannedInstance[]): string | null {
  const port = publishedBy(app, revision)
  return instances.find((other) => overlap(other.port, port))?.id ?? null
}

/** Only these two revisions are ever started. */
export function publishedBy(app: PlannedApp, revision: number): string | null {
  return revision === app.revision ? app.port : app.readyPort
}

function overlap(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && portsOverlap(parsePublishedPort(one), parsePublishedPort(other))
}
