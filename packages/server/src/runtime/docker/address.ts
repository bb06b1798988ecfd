import type { PublishedPort } from '@pandastack/contract'
import { z } from 'zod'
import { RuntimeError, type UnitAddress } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'

const ADDRESSES = z.object({
  State: z.object({ Running: z.boolean() }),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.object({ IPAddress: z.string().nullish() })).nullish(),
  }),
})

/**
 * At the published port where there is one: that way works wherever the engine runs. Else at the container's own address
 * in the project's network, which a server on the same Linux machine reaches; one beside a virtual machine (Docker Desktop)
 * or a rootless engine does not.
 */
export async function containerAddress(
  api: EngineApi,
  name: string,
  port: number,
  published: PublishedPort | null,
  signal: AbortSignal | undefined,
): Promise<UnitAddress | null> {
  const answer = await api.call({ method: 'GET', path: `/containers/${encodeURIComponent(name)}/json`, signal })
  if (answer.status === 404) return null
  if (answer.status !== 200) throw new RuntimeError('engine-away', `the engine cannot show ${name}: ${refusal(answer)}`)
  const { State, NetworkSettings } = ADDRESSES.parse(answer.body)
  if (!State.Running) return null
  if (published?.containerPort === port) {
    return { host: published.address === '0.0.0.0' ? '127.0.0.1' : published.address, port: published.hostPort }
  }
  const own = Object.values(NetworkSettings.Networks ?? {}).find(
    ({ IPAddress }) => IPAddress != null && IPAddress !== '',
  )
  return own?.IPAddress == null ? null : { host: own.IPAddress, port, onlyOnLinux: true }
}
