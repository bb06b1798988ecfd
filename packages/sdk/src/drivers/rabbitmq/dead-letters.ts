import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterPage,
  DeadLetterQuery,
  EventDeadReason,
} from '../../events/driver.ts'
import type { AnyMessage, Channel } from './amqp.ts'
import { onChannel } from './channels.ts'
import type { Core } from './core.ts'
import { eventOf, forwarded, idOf, travelOf, untravelled } from './message.ts'
import { homeKey } from './names.ts'
import { registered } from './registry-state.ts'
import { acknowledge, snapshot } from './snapshot.ts'
import { wait } from './wait.ts'

const batchSize = 100
const againMs = 20

interface Found {
  readonly letter: DeadLetter
  /** Of one event more than one can be there, after a death between publishing and acknowledging. They are one letter. */
  readonly messages: AnyMessage[]
}

/** Oldest first, by the time of death. */
export async function deadLetters(
  core: Core,
  subscription: string,
  query: DeadLetterQuery,
  signal?: AbortSignal,
): Promise<DeadLetterPage> {
  const all = await onDeadQueue(core, subscription, signal, async (found) => found.map(({ letter }) => letter))
  const after = query.cursor === undefined ? null : parseCursor(query.cursor)
  const fitting = all.filter((letter) => fits(letter, query) && (after === null || compare(letter, after) > 0))
  const letters = fitting.slice(0, query.limit)
  const last = letters.at(-1)
  return { letters, cursor: last !== undefined && fitting.length > letters.length ? `${last.deadAt}.${last.id}` : null }
}

/** A place, not a letter: it holds when the letter has gone. */
function parseCursor(cursor: string): Pick<DeadLetter, 'deadAt' | 'id'> {
  const dot = cursor.indexOf('.')
  return { deadAt: Number(cursor.slice(0, dot)), id: cursor.slice(dot + 1) }
}

function compare(a: Pick<DeadLetter, 'deadAt' | 'id'>, b: Pick<DeadLetter, 'deadAt' | 'id'>): number {
  if (a.deadAt !== b.deadAt) return a.deadAt - b.deadAt
  return a.id < b.id ? -1 : Number(a.id > b.id)
}

function fits(letter: DeadLetter, query: DeadLetterQuery): boolean {
  if (query.reason !== undefined && letter.reason !== query.reason) return false
  return query.type === undefined || letter.event?.type === query.type
}

/** Redriven letters are published and confirmed, oldest first, before they are acknowledged; the others stay. */
export async function changeDeadLetters(
  core: Core,
  subscription: string,
  ids: readonly string[],
  change: DeadLetterChange,
  signal?: AbortSignal,
): Promise<readonly ('done' | 'not-found')[]> {
  const wanted = new Set(ids)
  // Kept when a lost channel makes it begin again.
  const done = new Set<string>()
  const over = new Set<string>()
  const queue = core.names.dead(subscription)
  const work = async (found: readonly Found[], channel: Channel) => {
    const all = found.filter(({ letter }) => wanted.has(letter.id))
    const forgotten = all.flatMap(({ messages }) => messages).filter((message) => over.has(deathOf(message)))
    await acknowledge(channel, queue, forgotten)
    const chosen = all.filter(({ letter }) => !done.has(letter.id))
    for (let at = 0; at < chosen.length; at += batchSize) {
      const batch = chosen.slice(at, at + batchSize)
      if (change.kind === 'redrive')
        await core.send(batch.map((each) => redriven(core, subscription, each, change.data)))
      const messages = batch.flatMap((each) => each.messages)
      for (const { letter } of batch) done.add(letter.id)
      for (const message of messages) over.add(deathOf(message))
      await acknowledge(channel, queue, messages)
    }
    return forgotten.length + chosen.length
  }
  // Until none is left whose acknowledgement was forgotten.
  while ((await onDeadQueue(core, subscription, signal, work)) > 0) await wait(againMs)
  return ids.map((id) => (done.has(id) ? 'done' : 'not-found'))
}

/** A redriven event may die again while we are at it: that is another death. */
function deathOf(message: AnyMessage): string {
  return `${idOf(message)} ${travelOf(message).deadAt}`
}

function redriven(core: Core, subscription: string, found: Found, data?: string) {
  const entry = registered(core.registry.state, subscription)
  const key = entry?.order === 'strict' ? homeKey.main(subscription, entry.generation) : homeKey.retry(subscription)
  return forwarded(core.names.home, key, found.messages[0] as AnyMessage, untravelled, data)
}

/** One at a time in all processes: letters that another one looks at would seem to be missing. */
async function onDeadQueue<T>(
  core: Core,
  subscription: string,
  signal: AbortSignal | undefined,
  work: (found: readonly Found[], channel: Channel) => Promise<T>,
): Promise<T> {
  const { link, locks, names, settings } = core
  const queue = names.dead(subscription)
  const onOne = async (channel: Channel) => work(lettersOf(await snapshot(channel, queue)), channel)
  return locks.hold(
    names.lock(`dead.${subscription}`),
    async () => onChannel(link, settings.waitMs, `the dead letters of ${subscription}`, onOne, signal),
    signal,
  )
}

function lettersOf(messages: readonly AnyMessage[]): readonly Found[] {
  const byId = new Map<string, Found>()
  for (const message of messages) {
    const letter = letterOf(message)
    const known = byId.get(letter.id)
    if (known === undefined) byId.set(letter.id, { letter, messages: [message] })
    else known.messages.push(message)
  }
  return [...byId.values()].sort((a, b) => compare(a.letter, b.letter))
}

function letterOf(message: AnyMessage): DeadLetter {
  const raw = message.content.toString('utf8')
  const travel = travelOf(message)
  return {
    id: idOf(message),
    event: eventOf(message, raw),
    raw,
    // Without a reason of ours the broker's own limit of deliveries has put it here.
    reason: (travel.deadReason as EventDeadReason | null) ?? 'crashes',
    error: travel.error,
    attempts: travel.failures,
    crashes: travel.crashes > 0 && travel.suspect ? travel.crashes + 1 : travel.crashes,
    firstFailedAt: travel.firstFailedAt,
    deadAt: travel.deadAt ?? brokerTime(message),
  }
}

function brokerTime(message: AnyMessage): number {
  const headers = message.properties.headers as { 'x-death'?: { time?: { value?: number } }[] } | undefined
  return (headers?.['x-death']?.[0]?.time?.value ?? 0) * 1_000
}
