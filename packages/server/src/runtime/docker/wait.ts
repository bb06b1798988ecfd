import type { UnitStatus } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import { Backoff } from './backoff.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'

/** An idle connection is asked for anew after this: a firewall may have dropped it without a word. */
const ONE_WAIT_MS = 10 * 60_000

/**
 * Waits on a unit that was started: the engine's `wait` (condition `not-running`) answers at once for one that has
 * exited, so no exit is missed. Its answer only wakes; what counts is the record behind it. While the engine is away
 * it asks again and again, for as long as the signal allows.
 */
export async function waitForExit(
  api: EngineApi,
  name: string,
  inspect: (signal: AbortSignal | undefined) => Promise<UnitStatus | null>,
  signal: AbortSignal | undefined,
): Promise<UnitStatus | null> {
  const backoff = new Backoff()
  for (;;) {
    signal?.throwIfAborted()
    try {
      await oneWait(api, name, signal)
      const status = await inspect(signal)
      if (status === null || status.state === 'exited') return status
      // Created and not started yet, or the wait has only grown old.
      await backoff.pause(signal)
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== 'engine-away') throw error
      await backoff.pause(signal)
    }
  }
}

async function oneWait(api: EngineApi, name: string, signal: AbortSignal | undefined): Promise<void> {
  const path = `/containers/${encodeURIComponent(name)}/wait`
  // Docker sends the head at once, Podman only with the end.
  const response = await api.open({ method: 'POST', path, signal, timeoutMs: ONE_WAIT_MS })
  const limit = setTimeout(() => response.destroy(), ONE_WAIT_MS)
  try {
    const answer = await api.read(response, signal)
    if (answer.status !== 200 && answer.status !== 404) {
      throw new RuntimeError('engine-away', `the engine cannot wait for ${name}: ${refusal(answer)}`)
    }
  } finally {
    clearTimeout(limit)
    response.destroy()
  }
}
