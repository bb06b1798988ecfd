import { RuntimeError } from '../driver.ts'
import { Backoff } from './backoff.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { inspectContainer } from './inspect.ts'

const REMOVE_TIMEOUT_MS = 60_000
const MAX_POLLS = 30

/** With its anonymous volumes, running or not. Gone already is fine. */
export async function removeContainer(api: EngineApi, name: string, signal: AbortSignal | undefined): Promise<void> {
  const path = `/containers/${encodeURIComponent(name)}`
  const query = { force: true, v: true }
  const answer = await api.call({ method: 'DELETE', path, query, signal, timeoutMs: REMOVE_TIMEOUT_MS })
  if (answer.status === 200 || answer.status === 204 || answer.status === 404) return
  // Somebody else is at it.
  if (answer.status === 409) return waitUntilRemoved(api, name, signal)
  throw new RuntimeError('engine-away', `${name} cannot be removed: ${refusal(answer)}`)
}

/** Engines have a wait for this, but it hangs when the removal is over before it begins. About 55 s at most. */
export async function waitUntilRemoved(api: EngineApi, name: string, signal: AbortSignal | undefined): Promise<void> {
  const backoff = new Backoff()
  for (let poll = 0; poll < MAX_POLLS; poll += 1) {
    if ((await inspectContainer(api, name, signal)) === null) return
    await backoff.pause(signal)
  }
  throw new RuntimeError('engine-away', `the engine does not get ${name} removed`)
}

/** SIGTERM, after the grace SIGKILL; answers when it has exited. Gone or exited already is fine. */
export async function stopContainer(
  api: EngineApi,
  name: string,
  graceMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const seconds = Math.ceil(graceMs / 1000)
  const path = `/containers/${encodeURIComponent(name)}/stop`
  const timeoutMs = seconds * 1000 + REMOVE_TIMEOUT_MS
  const answer = await api.call({ method: 'POST', path, query: { t: seconds }, signal, timeoutMs })
  if (answer.status === 204 || answer.status === 304 || answer.status === 404) return
  throw new RuntimeError('engine-away', `${name} cannot be stopped: ${refusal(answer)}`)
}
