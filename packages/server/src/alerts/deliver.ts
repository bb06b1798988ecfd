import { sql } from 'kysely'
import { type Database, pandaNow } from '../store/database.ts'
import { reach } from '../fault-points.ts'
import type { StoredChannel } from './channels/channel.ts'
import type { Sender } from './channels/send.ts'
import { OutboundError } from './outbound.ts'
import type { AlertPayload } from './payload.ts'
import { openChannel, type Sealer } from './stored-channel.ts'

/** Waits between tries: ten in about a day, then the message is dead. The first ones ride out a restart. */
const RETRY_AFTER_S = [2, 10, 30, 120, 600, 1800, 3600, 14_400, 43_200] as const
/** A sender that dies keeps its message for so long; longer than any try can take. */
const LOCK_S = 60
/** The whole of one try, e-mail too; well below {@link LOCK_S}, so that no second server sends it meanwhile. */
const TRY_LIMIT_MS = 30_000
const BATCH = 20
/** Of one alert in one batch: a receiver that hangs must not hold up those of others. */
const BATCH_PER_ALERT = 2

interface Claimed {
  id: string
  alert_id: string
  attempts: number
  payload: AlertPayload
  channel: Buffer
}

export type DeliveryOutcome = { readonly kind: string; readonly outcome: 'sent' | 'failed' | 'dead' }

export interface DeliverDeps {
  readonly db: Database
  readonly box: Sealer
  readonly sender: Sender
  readonly onOutcome: (outcome: DeliveryOutcome) => void
  /** Default 30,000. */
  readonly tryLimitMs?: number
}

const isDue = sql`state = 'pending' and next_attempt_at <= panda_now() and (locked_until is null or locked_until <= panda_now())`

/** Sends what is due, at the most {@link BATCH} at a time, each alert's oldest first. @returns how many were tried. */
export async function deliverDue(deps: DeliverDeps, signal: AbortSignal): Promise<number> {
  const { rows } = await sql<Claimed>`
    update alert_deliveries d
    set locked_until = panda_now() + ${LOCK_S} * interval '1 second', attempts = d.attempts + 1
    from alerts a
    where a.id = d.alert_id and d.id in (
      select due.id from alert_deliveries due join (
        select id, row_number() over (partition by alert_id order by next_attempt_at, id) as nth
        from alert_deliveries where ${isDue}
      ) ranked on ranked.id = due.id
      where ranked.nth <= ${BATCH_PER_ALERT} and ${isDue}
      order by ranked.nth, due.next_attempt_at limit ${BATCH} for update of due skip locked)
    returning d.id, d.alert_id, d.attempts, d.payload, a.channel`.execute(deps.db)
  await Promise.all(rows.map((row) => deliverOne(deps, row, signal)))
  return rows.length
}

async function deliverOne(deps: DeliverDeps, row: Claimed, signal: AbortSignal): Promise<void> {
  let channel: StoredChannel | undefined
  try {
    channel = openChannel(deps.box, row.alert_id, row.channel)
    await sendInTime(deps, channel, row, signal)
  } catch (error) {
    await recordFailure(deps, row, channel, error, signal)
    return
  }
  reach('alert-sent')
  await deps.db
    .updateTable('alert_deliveries')
    .set({ state: 'sent', sent_at: pandaNow, locked_until: null, next_attempt_at: null, last_error: null })
    .where('id', '=', row.id)
    .execute()
  deps.onOutcome({ kind: channel.kind, outcome: 'sent' })
}

/** Also ends channels that know no signal, such as e-mail. */
async function sendInTime(deps: DeliverDeps, channel: StoredChannel, row: Claimed, signal: AbortSignal): Promise<void> {
  const limitMs = deps.tryLimitMs ?? TRY_LIMIT_MS
  const deadline = AbortSignal.timeout(limitMs)
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(new OutboundError(`not sent within ${limitMs / 1000} s`)))
  })
  const message = { id: row.id, payload: row.payload }
  await Promise.race([deps.sender.send(channel, message, AbortSignal.any([signal, deadline])), late])
}

async function recordFailure(
  deps: DeliverDeps,
  row: Claimed,
  channel: StoredChannel | undefined,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const delayMs = retryDelayMs(row.attempts, error)
  // A try that our own stop has cut short is not the receiver's fault: it is made again at once, and not counted.
  const ours = signal.aborted
  const dead = delayMs === null && !ours
  await deps.db
    .updateTable('alert_deliveries')
    .set({
      state: dead ? 'dead' : 'pending',
      last_error: (error instanceof Error ? error.message : String(error)).slice(0, 500),
      locked_until: null,
      next_attempt_at: dead ? null : sql<Date>`panda_now() + ${ours ? 0 : delayMs} * interval '1 millisecond'`,
      ...(ours ? { attempts: row.attempts - 1 } : {}),
    })
    .where('id', '=', row.id)
    .execute()
  if (!ours) deps.onOutcome({ kind: channel?.kind ?? 'unknown', outcome: dead ? 'dead' : 'failed' })
}

/** null = no further try. A refused address stays refused, so it is not tried again. */
export function retryDelayMs(attempts: number, error: unknown): number | null {
  if (error instanceof OutboundError && error.refused) return null
  const seconds = RETRY_AFTER_S[attempts - 1]
  if (seconds === undefined) return null
  const asked = error instanceof OutboundError ? (error.retryAfterMs ?? 0) : 0
  return Math.max(seconds * 1000, asked)
}
