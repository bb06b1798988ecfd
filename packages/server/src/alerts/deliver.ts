import { FinalError, type RunningJob } from '@pandastack/sdk/queue'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { reach } from '../fault-points.ts'
import { type Database, pandaNow } from '../store/database.ts'
import { retryTransient } from '../store/transient.ts'
import { type DeliveryJob, TryLater } from './alert-queue.ts'
import type { StoredChannel } from './channels/channel.ts'
import type { Sender } from './channels/send.ts'
import { OutboundError } from './outbound.ts'
import type { AlertPayload } from './payload.ts'
import { retryDelayMs } from './retry-delay.ts'
import { openChannel, type Sealer } from './stored-channel.ts'

/** The whole of one try, e-mail too. */
const TRY_LIMIT_MS = 30_000

export type DeliveryOutcome = { readonly kind: string; readonly outcome: 'sent' | 'failed' | 'dead' }

export interface DeliverDeps {
  readonly db: Database
  readonly clock: Pick<Clock, 'sleep'>
  readonly box: Sealer
  readonly sender: Sender
  readonly onOutcome: (outcome: DeliveryOutcome) => void
  /** Default 30,000. */
  readonly tryLimitMs?: number
}

interface Message {
  readonly id: string
  readonly alertId: string
  /** Tries that have failed. */
  readonly attempts: number
  readonly payload: AlertPayload
  readonly channel: Buffer
}

/**
 * One try of one message. Its record tells how many there were, so that what the queue repeats after a crash is not sent
 * again when the record says that it was.
 *
 * @throws TryLater, FinalError: the try has failed, which is on record
 */
export async function deliver(deps: DeliverDeps, job: RunningJob<DeliveryJob>): Promise<void> {
  const patient = { clock: deps.clock, signal: job.signal }
  const message = await retryTransient(() => readMessage(deps.db, job.data.delivery), patient)
  if (message === null) return // sent, given up, or deleted with its alert
  let channel: StoredChannel | undefined
  try {
    channel = openChannel(deps.box, message.alertId, message.channel)
    await sendInTime(deps, channel, message, job.signal)
  } catch (error) {
    // Cut short by our own stop, or taken over by another server: not the receiver's fault, and not counted.
    if (job.signal.aborted) throw error
    const failure = await retryTransient(() => recordFailure(deps, message, error), patient)
    deps.onOutcome({ kind: channel?.kind ?? 'unknown', outcome: failure instanceof FinalError ? 'dead' : 'failed' })
    throw failure
  }
  reach('alert-sent')
  await retryTransient(() => recordSent(deps.db, message), patient)
  deps.onOutcome({ kind: channel.kind, outcome: 'sent' })
}

/** Null when there is nothing to send any more. */
async function readMessage(db: Database, id: string): Promise<Message | null> {
  const row = await db
    .selectFrom('alert_deliveries')
    .innerJoin('alerts', 'alerts.id', 'alert_deliveries.alert_id')
    .select(['alert_deliveries.alert_id as alertId', 'alert_deliveries.attempts', 'payload', 'channel'])
    .where('alert_deliveries.id', '=', id)
    .where('state', '=', 'pending')
    .executeTakeFirst()
  return row ? { ...row, id, payload: row.payload as unknown as AlertPayload } : null
}

/** Also ends channels that know no signal, such as e-mail. */
async function sendInTime(
  deps: DeliverDeps,
  channel: StoredChannel,
  { id, payload }: Message,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = deps.tryLimitMs ?? TRY_LIMIT_MS
  const deadline = AbortSignal.timeout(limitMs)
  const end = new AbortController()
  const cut = new Promise<never>((_resolve, reject) => {
    const late = () => reject(new OutboundError(`not sent within ${limitMs / 1000} s`))
    deadline.addEventListener('abort', late, { signal: end.signal })
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: end.signal })
  })
  const sending = deps.sender.send(channel, { id, payload }, AbortSignal.any([signal, deadline]))
  await Promise.race([sending, cut]).finally(() => end.abort())
}

async function recordSent(db: Database, { id, attempts }: Message): Promise<void> {
  await db
    .updateTable('alert_deliveries')
    .set({ state: 'sent', attempts: attempts + 1, sent_at: pandaNow, next_attempt_at: null, last_error: null })
    .where('id', '=', id)
    .execute()
}

/** @returns what the queue is to be told */
async function recordFailure({ db }: DeliverDeps, message: Message, error: unknown): Promise<TryLater | FinalError> {
  const tries = message.attempts + 1
  const delayMs = retryDelayMs(tries, error)
  const said = (error instanceof Error ? error.message : String(error)).slice(0, 500)
  await db
    .updateTable('alert_deliveries')
    .set({
      state: delayMs === null ? 'dead' : 'pending',
      attempts: tries,
      last_error: said,
      next_attempt_at: delayMs === null ? null : sql<Date>`panda_now() + ${delayMs} * interval '1 millisecond'`,
    })
    .where('id', '=', message.id)
    .where('state', '=', 'pending')
    // Whoever was frozen in the middle of a try says nothing about those of others.
    .where('attempts', '=', message.attempts)
    .execute()
  return delayMs === null ? new FinalError(said, { cause: error }) : new TryLater(said, delayMs, error)
}
