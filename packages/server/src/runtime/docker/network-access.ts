import { existsSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { type HostAccess, RuntimeError, type UnitOwner } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { createNetwork, networkName } from './networks.ts'

const NETWORK = z.object({
  Id: z.string(),
  IPAM: z.object({
    Config: z.array(z.object({ Subnet: z.string().nullish(), Gateway: z.string().nullish() })).nullish(),
  }),
  Options: z.record(z.string(), z.string()).nullish(),
})
type Network = z.output<typeof NETWORK>

const ELSEWHERE =
  "the engine's networks are not on this machine (a rootless engine, Docker Desktop, Podman, or one on another machine)"

/**
 * Where the units of a project reach this machine: at the gateway of their network, if its bridge is one of this machine.
 * The bridge bears the network's id in its name, so one of another engine is never taken for it.
 *
 * @throws RuntimeError `engine-away`, `start-failed` (no network can be made)
 */
export async function networkAccess(
  api: EngineApi,
  owner: UnitOwner,
  signal: AbortSignal | undefined,
): Promise<HostAccess> {
  let network = await inspectNetwork(api, owner, signal)
  if (network === null) {
    await createNetwork(api, owner, signal)
    network = await inspectNetwork(api, owner, signal)
  }
  if (network === null) throw new RuntimeError('engine-away', "the project's network was removed while it was made")
  if (!existsSync(`/sys/class/net/${bridgeOf(network)}`)) return { kind: 'none', why: ELSEWHERE }
  for (const { Subnet, Gateway } of network.IPAM.Config ?? []) {
    const host = (Gateway ?? '').split('/')[0] ?? ''
    if (isIPv4(host) && Subnet) return { kind: 'address', host, subnet: Subnet }
  }
  return { kind: 'none', why: "the project's network has no gateway with an IPv4 address" }
}

function bridgeOf({ Id, Options }: Network): string {
  return Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`
}

async function inspectNetwork(
  api: EngineApi,
  owner: UnitOwner,
  signal: AbortSignal | undefined,
): Promise<Network | null> {
  const path = `/networks/${networkName(owner.installation, owner.project)}`
  const answer = await api.call({ method: 'GET', path, signal })
  if (answer.status === 200) return NETWORK.parse(answer.body)
  if (answer.status === 404) return null
  throw new RuntimeError('engine-away', `the project's network cannot be looked at: ${refusal(answer)}`)
}
