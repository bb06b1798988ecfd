import { createHash } from 'node:crypto'
import { z } from 'zod'
import { RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { isEngineTrouble } from './start-refusal.ts'
import { installationFilter, networkLabels } from './labels.ts'

const NETWORK = z.object({ Id: z.string(), Name: z.string(), Created: z.string().default('') })
const NETWORKS = z.array(NETWORK)
type Network = z.output<typeof NETWORK>

/** One bridge per project; its units reach each other and the outside, other projects' units not. */
export function networkName(installation: string, project: string): string {
  const owner = createHash('sha256').update(installation).digest('hex').slice(0, 10)
  return `panda-${owner}-${project}`
}

/**
 * Makes the project's network unless it is there. Names are not unique on the engine, and its own check is best effort
 * only (two servers, or a server and its successor, may create at the same time): of several, one is kept.
 */
export async function createNetwork(
  api: EngineApi,
  owner: { readonly installation: string; readonly project: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const body = {
    Name: networkName(owner.installation, owner.project),
    CheckDuplicate: true,
    Driver: 'bridge',
    Labels: networkLabels(owner.installation, owner.project),
    Options: { 'com.docker.network.bridge.enable_icc': 'true' },
  }
  const answer = await api.call({ method: 'POST', path: '/networks/create', body, signal, timeoutMs: 30_000 })
  const why = refusal(answer)
  if (answer.status === 201 || answer.status === 409 || /already exists|already used/i.test(why)) {
    return keepOne(api, body.Name, signal)
  }
  if (isEngineTrouble(answer)) {
    throw new RuntimeError('engine-away', `the project's network could not be created: ${why}`)
  }
  const hint = /address pool|subnet/i.test(why)
    ? ': the engine has no free addresses for one more project network; add some (default-address-pools) or remove unused networks'
    : ''
  throw new RuntimeError('start-failed', `the project's network could not be created: ${why}${hint}`)
}

/** A container cannot be started on a name that two networks have. One that is in use stays: the engine refuses. */
async function keepOne(api: EngineApi, name: string, signal: AbortSignal | undefined): Promise<void> {
  const filters = JSON.stringify({ name: [name] })
  const listed = await api.call({ method: 'GET', path: '/networks', query: { filters }, signal })
  if (listed.status !== 200) throw new RuntimeError('engine-away', `networks cannot be listed: ${refusal(listed)}`)
  // The filter takes parts of names as well. The newest goes first, so that servers that do this at once agree.
  const same = NETWORKS.parse(listed.body).filter((network) => network.Name === name)
  let left = same.length
  for (const { Id } of same.toSorted(newestFirst)) {
    if (left < 2) return
    const answer = await api.call({ method: 'DELETE', path: `/networks/${Id}`, signal })
    if (answer.status === 204 || answer.status === 404) left -= 1
  }
}

function newestFirst(a: Network, b: Network): number {
  return b.Created.localeCompare(a.Created) || b.Id.localeCompare(a.Id)
}

/** Removes the installation's networks that no container uses; what is in use the engine refuses to remove. */
export async function removeUnusedNetworks(
  api: EngineApi,
  installation: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const filters = JSON.stringify({ label: [installationFilter(installation)] })
  const listed = await api.call({ method: 'GET', path: '/networks', query: { filters }, signal })
  if (listed.status !== 200) throw new RuntimeError('engine-away', `networks cannot be listed: ${refusal(listed)}`)
  let removed = 0
  for (const { Id } of NETWORKS.parse(listed.body)) {
    const answer = await api.call({ method: 'DELETE', path: `/networks/${Id}`, signal })
    if (answer.status === 204) removed += 1
    else if (
      answer.status !== 403 &&
      answer.status !== 404 &&
      answer.status !== 409 &&
      !/in use|active endpoints/i.test(refusal(answer))
    )
      throw new RuntimeError('engine-away', `the network ${Id} cannot be removed: ${refusal(answer)}`)
  }
  return removed
}
