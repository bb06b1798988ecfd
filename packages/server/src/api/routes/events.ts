import {
  eventsQuerySchema,
  eventTypesQuerySchema,
  eventTypeViewSchema,
  loggedEventSchema,
  pageOf,
  PandaError,
  projectQuerySchema,
  publishedEventSchema,
  publishEventSchema,
  type LoggedEventView,
} from '@pandastack/contract'
import { logPosition } from '@pandastack/sdk/events'
import type { ApiDeps } from '../deps.ts'
import { EventStream, projectRoute, type Route, type ServerEvent } from '../route.ts'
import { withoutUndefined } from './without-undefined.ts'

const tag = 'events'
const DEFAULT_BACK = '1h'
const TYPES_BACK = '24h'

/** The events of the broker that the project's env names. */
export function eventRoutes(deps: ApiDeps): Route[] {
  return [publishRoute(deps), typesRoute(deps), logRoute(deps)]
}

function publishRoute({ events }: ApiDeps): Route {
  return projectRoute({
    method: 'POST',
    url: '/v1/events',
    summary: 'Publish an event',
    description: 'Answers when the broker has it for every subscription that matches; what nobody wants yet is kept.',
    tag,
    scope: 'run',
    query: projectQuerySchema,
    body: publishEventSchema,
    status: 201,
    answer: publishedEventSchema,
    handler: ({ project, body: { type, data, ...options } }) =>
      events.use(project.id, (admin) => admin.publish(type, data ?? null, withoutUndefined(options))),
  })
}

function typesRoute({ events, clock }: ApiDeps): Route {
  return projectRoute({
    method: 'GET',
    url: '/v1/events/types',
    summary: 'List event types and who listens',
    description: 'From the event log since `from` (default one day ago), the subscriptions, and what was kept.',
    tag,
    scope: 'read',
    query: eventTypesQuerySchema,
    status: 200,
    answer: pageOf(eventTypeViewSchema),
    handler: async ({ project, query, signal }) => {
      const from = logPosition(query.from ?? TYPES_BACK, clock.now())
      const items = await events.use(project.id, (admin) => admin.types(from, signal))
      return { items, nextCursor: null }
    },
  })
}

function logRoute(deps: ApiDeps): Route {
  return projectRoute({
    method: 'GET',
    url: '/v1/events',
    summary: 'Read the event log, or follow it',
    description:
      'Oldest first; `nextCursor` is the `from` of the next page. With `follow=true` server-sent events: `event` per ' +
      'event with its offset as id; `Last-Event-ID` goes on without gap or double. Takes nothing from subscriptions.',
    tag,
    scope: 'read',
    query: eventsQuerySchema,
    headers: ['last-event-id'],
    streamsWith: 'follow',
    status: 200,
    answer: pageOf(loggedEventSchema),
    handler: async ({ project, query, lastEventId, signal }) => {
      const { patterns, limit, follow } = query
      const from = afterLast(lastEventId) ?? logPosition(query.from ?? DEFAULT_BACK, deps.clock.now())
      // A missing broker or log is an answer of its own, and no stream that breaks off.
      const hasLog = await deps.events.use(project.id, (admin) => admin.hasLog())
      if (!hasLog) throw new PandaError('event_log_missing', 'The broker of this project keeps no event log.')
      const log = deps.events.each(project.id, (admin) => admin.log({ from, patterns, follow }, signal))
      return follow ? new EventStream(asServerEvents(log)) : onePage(log, limit)
    },
  })
}

async function* asServerEvents(log: AsyncIterable<LoggedEventView>): AsyncGenerator<ServerEvent> {
  for await (const event of log) yield { event: 'event', id: String(event.offset), data: event }
}

async function onePage(log: AsyncIterable<LoggedEventView>, limit: number) {
  const items: LoggedEventView[] = []
  for await (const event of log) {
    // One more than fits: so there is a next page.
    if (items.length === limit) return { items, nextCursor: String(event.offset) }
    items.push(event)
  }
  return { items, nextCursor: null }
}

function afterLast(lastEventId: string | undefined): { offset: number } | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined
  if (/^\d{1,15}$/.test(lastEventId)) return { offset: Number(lastEventId) + 1 }
  const message = 'is not the offset of an event'
  throw new PandaError('invalid_request', `Last-Event-ID ${message}.`, { errors: [{ path: 'last-event-id', message }] })
}
