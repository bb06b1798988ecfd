import { z } from 'zod'
import type { UnitStatus } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import type { EngineHistory } from './exit-verdict.ts'
import { judgeExit } from './exit-verdict.ts'

const INSPECTED = z.object({
  Id: z.string(),
  State: z.object({
    Status: z.string(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
  Config: z.object({ StopTimeout: z.number().nullish() }),
})
export type Inspected = z.infer<typeof INSPECTED>

const DEFAULT_GRACE_S = 10

export async function inspectContainer(
  api: EngineApi,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Inspected | null> {
  const answer = await api.call({ method: 'GET', path: `/containers/${encodeURIComponent(name)}/json`, signal })
  if (answer.status === 404) return null
  if (answer.status !== 200) throw new RuntimeError('engine-away', `the engine cannot show ${name}: ${refusal(answer)}`)
  return INSPECTED.parse(answer.body)
}

/** The engine's states in our words. Those that only pass (`removing`, `dead`) count as their exit. */
export function stateOf(status: string): UnitStatus['state'] {
  if (status === 'created' || status === 'configured' || status === 'initialized') return 'created'
  if (status === 'running' || status === 'paused' || status === 'restarting' || status === 'stopping') return 'running'
  return 'exited'
}

export async function toStatus(
  inspected: Inspected,
  history: (startedAt: Date | null) => Promise<EngineHistory>,
): Promise<UnitStatus> {
  const { Status, ExitCode, OOMKilled, StartedAt, FinishedAt } = inspected.State
  const state = stateOf(Status)
  const startedAt = toDate(StartedAt)
  if (state === 'created') return { state }
  if (state === 'running') return { state, startedAt: startedAt ?? new Date(0) }
  const engineGraceMs = (inspected.Config.StopTimeout ?? DEFAULT_GRACE_S) * 1000
  const record = { code: ExitCode, outOfMemory: OOMKilled, startedAt, finishedAt: toDate(FinishedAt), engineGraceMs }
  return { state, exit: judgeExit(record, await history(startedAt)) }
}

/** Go's zero time stands for "never". */
function toDate(text: string): Date | null {
  if (text === '' || text.startsWith('0001-')) return null
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? null : date
}
