import { CliError } from '../errors.ts'
import type { Client } from '../http/client.ts'
import type { Session } from '../session.ts'

/** A start is answered before the engine is asked: somebody who waits for it must hear why nothing happens. */
export async function warnOfEngine(session: Session, api: Client): Promise<void> {
  try {
    // Needs no scope, so it works with a token that may only run.
    const { engine } = await api.get<{ engine: boolean }>('/readyz')
    if (!engine) await session.warn('the container engine does not answer; the run waits for it', 'See: panda status')
  } catch (error) {
    if (!(error instanceof CliError)) throw error // whatever it is, the run is started
  }
}
