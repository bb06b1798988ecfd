import type { InstanceState } from '@pandastack/contract'
import { sql } from 'kysely'

/**
 * The life of an instance of an app: a container (or process) that is kept running until somebody wants it to end.
 *
 * - `queued`: any server with an engine may start it. Crash: nothing is lost.
 * - `running`: belongs to one server, which alone may write with its fence. Crash of that server: another one on the same
 *   engine adopts it with a higher fence and goes on with the container as it finds it.
 * - `retrying`: its container ended by itself, also with 0; the next one starts at `available_at`, later after each end
 *   that comes soon. Crash: nothing is lost.
 * - `cancelled`: ended because it was asked to (`cancel_reason`): scaled down, replaced, stopped, deleted, not ready.
 * - `lost`: its engine is out of reach for good. Another one takes its slot.
 *
 * Born as `queued`. Only instance-writes.ts, claim-instances.ts and apply-plan.ts change the state of one.
 */
const INSTANCE_TRANSITIONS: Readonly<Record<InstanceState, readonly InstanceState[]>> = {
  queued: ['running', 'cancelled', 'lost'],
  running: ['queued', 'retrying', 'cancelled', 'lost'],
  retrying: ['running', 'cancelled'],
  cancelled: [],
  lost: [],
}

/** Those that have not ended. */
const liveStates = Object.entries(INSTANCE_TRANSITIONS).flatMap(([state, next]) =>
  next.length > 0 ? [`'${state}'`] : [],
)

export const isLive = sql.raw(`i.state in (${liveStates.join(', ')})`)
