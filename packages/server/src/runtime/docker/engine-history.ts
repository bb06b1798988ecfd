import { z } from 'zod'
import { RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import type { EngineHistory } from './exit-verdict.ts'
import type { Quirks } from './quirks.ts'

const NETWORK = z.object({ Created: z.string() })
const INFO = z.object({ LiveRestoreEnabled: z.boolean().nullish() })
const NEVER: EngineHistory = { startedAt: null, away: null, stopsContainers: false }

/**
 * When did this engine start? The API does not say, but dockerd makes its default bridge network anew at each start,
 * right after it has dealt with the containers of its former life. (Live-restore, which may keep the bridge, stops no
 * containers.) Without that bridge the end of the last outage that we saw has to do.
 */
export async function engineHistory(
  api: EngineApi,
  quirks: Quirks,
  unitStartedAt: Date | null,
  signal: AbortSignal | undefined,
): Promise<EngineHistory> {
  if (!quirks.stopsContainersOnRestart) return NEVER
  const bridge = await api.call({ method: 'GET', path: '/networks/bridge', signal })
  // An engine that cannot answer now must not be taken for one that has no such network.
  if (bridge.status >= 500)
    throw new RuntimeError('engine-away', `the engine cannot show its bridge: ${refusal(bridge)}`)
  const network = NETWORK.safeParse(bridge.body)
  const away = api.outages.newest
  const startedAt = bridge.status === 200 && network.success ? new Date(network.data.Created) : (away?.until ?? null)
  // The usual case: the engine has not been started since the unit was, so nothing more needs to be asked.
  if (startedAt === null || (unitStartedAt !== null && unitStartedAt > startedAt)) {
    const mayHaveCrashed = away !== null && (unitStartedAt === null || unitStartedAt <= away.until)
    if (!mayHaveCrashed || !(await hasLiveRestore(api, signal))) return { ...NEVER, startedAt }
    // It keeps the bridge, so that a new start does not show; what it has lost track of it calls 255 all the same.
    return { startedAt: away.until, away, stopsContainers: false }
  }
  return { startedAt, away, stopsContainers: !(await hasLiveRestore(api, signal)) }
}

async function hasLiveRestore(api: EngineApi, signal: AbortSignal | undefined): Promise<boolean> {
  const info = await api.call({ method: 'GET', path: '/info', signal })
  if (info.status !== 200) throw new RuntimeError('engine-away', `the engine cannot tell of itself: ${refusal(info)}`)
  return INFO.parse(info.body).LiveRestoreEnabled === true
}
