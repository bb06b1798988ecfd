import { reach } from '../../fault-points.ts'
import type { MayGoOn, UnitSpec } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import { createOptions } from './create-options.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { inspectContainer, stateOf } from './inspect.ts'
import { createNetwork, networkName } from './networks.ts'
import type { Quirks } from './quirks.ts'
import { removeContainer, waitUntilRemoved } from './remove.ts'
import { startRefusal } from './start-refusal.ts'

const CREATE_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 120_000
/** A network can vanish between two calls; more often than this it is no accident. */
const MAX_ROUNDS = 4

export interface StartContext {
  readonly api: EngineApi
  readonly quirks: Quirks
  /** Project networks that this process has seen or is making: many runs of a new project start at once. */
  readonly networks: Map<string, Promise<void>>
  /** Units whose start was asked for and never answered: nobody knows whether the engine has carried it out. */
  readonly unanswered: Set<string>
}

/**
 * Creates and starts by name. The name is the idempotency key: who comes second finds the first one's container and
 * goes on from its state, so a start that is repeated after a crash starts once. A container that somebody else removed
 * is not made anew: it may have run to its end. Who still has the run is to look and ask again.
 */
export async function startUnit(
  context: StartContext,
  unit: UnitSpec,
  signal: AbortSignal | undefined,
  mayGoOn: MayGoOn | undefined,
): Promise<{ adopted: boolean }> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    await ensureNetwork(context, unit)
    await mayGoOn?.()
    const created = await createUnit(context, unit, signal)
    const state = created ? 'created' : await stateByName(context.api, unit.name, signal)
    if (state === null) throw removedMeanwhile(unit)
    if (state !== 'created') return { adopted: true }
    // The start of a container that was not asked for is safe; of one that was, the program may have run already.
    if (context.unanswered.has(unit.name)) return giveUp(context, unit, signal)
    reach('unit-created')
    await mayGoOn?.()
    const start = await startCreated(context, unit, signal)
    if (start !== 'again') return { adopted: !created || start === 'untraceable' }
  }
  throw new RuntimeError('engine-away', `${unit.name} lost its network ${MAX_ROUNDS} times while it was being started`)
}

function removedMeanwhile({ name }: UnitSpec): RuntimeError {
  return new RuntimeError('engine-away', `${name} was removed while it was being started`)
}

async function ensureNetwork({ api, networks }: StartContext, { labels }: UnitSpec): Promise<void> {
  const name = networkName(labels.installation, labels.project)
  const known = networks.get(name)
  if (known !== undefined) return known
  // Shared by all who wait for it, so that none of them may cut it short; it has a limit of its own.
  const made = createNetwork(api, labels, undefined)
  networks.set(name, made)
  try {
    await made
  } catch (error) {
    if (networks.get(name) === made) networks.delete(name)
    throw error
  }
}

/** false: the name is taken. */
export async function createUnit(
  context: Pick<StartContext, 'api' | 'quirks'>,
  unit: UnitSpec,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const body = createOptions(unit, networkName(unit.labels.installation, unit.labels.project), context.quirks)
  const query = { name: unit.name }
  const request = {
    method: 'POST',
    path: '/containers/create',
    query,
    body,
    signal,
    timeoutMs: CREATE_TIMEOUT_MS,
  } as const
  const answer = await context.api.call(request)
  if (answer.status === 201) return true
  const why = refusal(answer)
  if (context.quirks.nameTaken(answer.status, why)) return false
  if (answer.status === 404 && /image/i.test(why)) throw new RuntimeError('image-not-found', why)
  throw startRefusal(answer)
}

async function stateByName(api: EngineApi, name: string, signal: AbortSignal | undefined) {
  const found = await inspectContainer(api, name, signal)
  if (found === null) return null
  if (found.State.Status !== 'removing' && found.State.Status !== 'dead') return stateOf(found.State.Status)
  await waitUntilRemoved(api, name, signal)
  return null
}

async function startCreated(
  context: StartContext,
  unit: UnitSpec,
  signal: AbortSignal | undefined,
): Promise<'started' | 'again' | 'untraceable'> {
  const path = `/containers/${encodeURIComponent(unit.name)}/start`
  const answer = await context.api
    .call({ method: 'POST', path, signal, timeoutMs: START_TIMEOUT_MS })
    .catch((error: unknown) => {
      if (!neverArrived(error)) context.unanswered.add(unit.name)
      throw error
    })
  if (answer.status === 204 || answer.status === 304) return 'started'
  const why = refusal(answer)
  if (answer.status === 404 && /no such container/i.test(why)) throw removedMeanwhile(unit)
  if (isAboutNetwork(why)) {
    // Somebody has tidied it away, or made a second one, since we saw it. The container goes too: some engines look it up only once.
    context.networks.delete(networkName(unit.labels.installation, unit.labels.project))
    await removeContainer(context.api, unit.name, signal)
    return 'again'
  }
  if (STARTED_UNSEEN.test(why)) {
    await giveUp(context, unit, signal)
    return 'untraceable'
  }
  const error = startRefusal(answer, unit.port)
  // What could not start would stay behind as `created`, and the next start would take it over.
  if (error.code !== 'engine-away') await removeContainer(context.api, unit.name, signal)
  throw error
}

/**
 * An engine that was killed in the middle of a start finds that containerd has carried it out without it: the unit runs, or
 * has run, and the engine's record still says `created`. Seen on Docker 20.10 with live-restore.
 */
const STARTED_UNSEEN = /\btask \S+ already exists/i

/** Nobody can follow it or tell its end: without its container it counts as gone, which makes the attempt lost. */
async function giveUp(
  { api, unanswered }: StartContext,
  { name }: UnitSpec,
  signal: AbortSignal | undefined,
): Promise<{ adopted: true }> {
  await removeContainer(api, name, signal)
  unanswered.delete(name)
  return { adopted: true }
}

/** The connection could not be made: the engine has not heard of it. */
function neverArrived(error: unknown): boolean {
  if (!(error instanceof Error) || !(error.cause instanceof Error) || !('code' in error.cause)) return false
  return error.cause.code === 'ECONNREFUSED' || error.cause.code === 'ENOENT'
}

function isAboutNetwork(why: string): boolean {
  return /network \S+ (?:not found|is ambiguous)|network not found|could not find network|unable to find network/i.test(
    why,
  )
}
