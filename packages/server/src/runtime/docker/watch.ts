import { z } from 'zod'
import { RuntimeError } from '../driver.ts'
import { Backoff } from './backoff.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { installationFilter } from './labels.ts'
import { linesOf } from './lines.ts'

const EVENT = z.object({ Actor: z.object({ Attributes: z.object({ name: z.string() }) }) })

/**
 * The engine's `die` events of the installation, connected again whenever it breaks. What happens in between is not
 * told: events wake, the list is the truth. The filter names key and value, as Podman matches nothing by the key
 * alone, and Podman's word for `die` is `died`.
 */
export async function* watchExits(
  api: EngineApi,
  installation: string,
  signal: AbortSignal,
): AsyncGenerator<{ name: string }> {
  const filters = JSON.stringify({
    type: ['container'],
    event: ['die', 'died'],
    label: [installationFilter(installation)],
  })
  const backoff = new Backoff()
  for (;;) {
    signal.throwIfAborted()
    try {
      for await (const name of events(api, filters, signal)) {
        backoff.reset()
        yield { name }
      }
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== 'engine-away') throw error
    }
    await backoff.pause(signal)
  }
}

async function* events(api: EngineApi, filters: string, signal: AbortSignal): AsyncGenerator<string> {
  // No limit for the head: Podman sends it with the first event.
  const response = await api.open({
    method: 'GET',
    path: '/events',
    query: { filters },
    signal,
    timeoutMs: 2 ** 31 - 1,
  })
  try {
    if (response.statusCode !== 200) {
      const answer = await api.read(response, signal)
      throw new RuntimeError('engine-away', `the engine tells no events: ${refusal(answer)}`)
    }
    for await (const line of linesOf(response, api, signal)) {
      const event = EVENT.safeParse(JSON.parse(line))
      if (event.success) yield event.data.Actor.Attributes.name
    }
  } finally {
    response.destroy()
  }
}
