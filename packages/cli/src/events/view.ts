import type { EventTypeView, EventView, SubscriptionView } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { paintState } from '../output/style.ts'
import { renderFields, type Column } from '../output/table.ts'
import { relative } from '../output/time.ts'
import type { Session } from '../session.ts'

const count = (value: number | null) => (value === null ? '-' : String(value))

export function subscriptionColumns(session: Session): {
  columns: Column<SubscriptionView>[]
  wideColumns: Column<SubscriptionView>[]
} {
  return {
    columns: [
      { head: 'SUBSCRIPTION', cell: ({ name }) => name },
      {
        head: 'STATE',
        cell: stateOf,
        paint: (text) => (text === 'no consumers' ? session.style.yellow(text) : paintState(session.style, text)),
      },
      { head: 'PATTERNS', cell: ({ patterns }) => patterns.join(' '), flexible: true },
      ...lagColumns(session),
    ],
    wideColumns: [{ head: 'ORDER', cell: ({ order }) => order }],
  }
}

function stateOf({ paused, consumers }: SubscriptionView): string {
  return paused ? 'paused' : consumers === 0 ? 'no consumers' : 'open'
}

/** Only the numbers that an alarm would look at. */
export function lagColumns(session: Session): Column<SubscriptionView>[] {
  return [
    { head: 'WAITING', cell: ({ waiting }) => String(waiting), right: true },
    { head: 'OLDEST', cell: ({ oldest }) => oldest ?? '-', right: true },
    { head: 'RETRYING', cell: ({ retrying }) => count(retrying), right: true },
    {
      head: 'DEAD',
      cell: ({ dead }) => String(dead),
      right: true,
      paint: (text, { dead }) => (dead > 0 ? session.style.red(text) : text),
    },
    { head: 'CONSUMERS', cell: ({ consumers }) => String(consumers), right: true },
  ]
}

export function subscriptionFields(session: Session, subscription: SubscriptionView): string {
  const { name, patterns, order, waiting, taken, retrying, dead, consumers, oldest } = subscription
  return renderFields(
    [
      ['Subscription', name],
      ['State', paintState(session.style, stateOf(subscription))],
      ['Patterns', plain(patterns.join(', '))],
      ['Order', order],
      ['Waiting', `${waiting}${oldest === null ? '' : `, the oldest for ${oldest}`}`],
      ['Taken', taken === 0 ? null : String(taken)],
      ['Retrying', retrying === null ? 'not known with this broker' : String(retrying)],
      ['Dead letters', dead > 0 ? session.style.red(String(dead)) : '0'],
      ['Consumers', consumers === 0 ? session.style.yellow('none') : String(consumers)],
    ],
    session.style.dim,
  )
}

export function typeColumns(session: Session): {
  columns: Column<EventTypeView>[]
  wideColumns: Column<EventTypeView>[]
} {
  const now = session.io.now()
  return {
    columns: [
      { head: 'TYPE', cell: ({ type }) => type },
      { head: 'EVENTS', cell: ({ events }) => count(events), right: true },
      { head: 'LAST', cell: ({ lastAt }) => (lastAt === null ? '-' : relative(lastAt, now)) },
      { head: 'SUBSCRIPTIONS', cell: ({ subscriptions }) => subscriptions.join(' ') || 'none', flexible: true },
      {
        head: 'KEPT',
        cell: ({ unrouted }) => String(unrouted),
        right: true,
        paint: (text, { unrouted }) => (unrouted > 0 ? session.style.yellow(text) : text),
      },
    ],
    wideColumns: [
      { head: 'VERSIONS', cell: ({ dataVersions }) => dataVersions.join(' ') || '-' },
      { head: 'SOURCES', cell: ({ sources }) => sources.join(' ') || '-' },
    ],
  }
}

/** One line for `panda event tail`. */
export function eventLine(session: Session, event: EventView): string {
  const { dim, bold } = session.style
  const key = event.key === null ? '' : ` key=${plain(event.key)}`
  return `${dim(plain(event.time))} ${bold(plain(event.type))} ${dim(plain(`${event.id} ${event.source}`))}${key} ${plain(JSON.stringify(event.data))}`
}
