import type { DeadLetterView, EventTypeView, LoggedEventView, SubscriptionView } from '@pandastack/contract'
import { segment, type Client } from '../http/client.ts'
import { events as streamed } from '../http/sse.ts'
import type { Page } from '../output/show.ts'
import type { EventPort, LogQuery } from './event-port.ts'

const path = (subscription: string) => `/v1/subscriptions/${segment(subscription)}`
const lettersPath = (subscription: string) => `${path(subscription)}/dead-letters`
/** Replays and migrations read and write a whole log or queue before they answer. In ms. */
const LONG = { timeoutMs: 600_000 } as const

/** Events of the broker that the project's env names, through the server. */
export function serverPort(api: Client): EventPort {
  const { project } = api
  return {
    publish: (event) => api.post('/v1/events', event, project),
    types: (from) => api.get<Page<EventTypeView>>('/v1/events/types', { ...project, from }, LONG),
    log: (query) => (query.follow ? live(api, query) : pages(api, query)),
    list: () => api.get<Page<SubscriptionView>>('/v1/subscriptions', project),
    get: (name) => api.get<SubscriptionView>(path(name), project),
    pause: (name, paused) =>
      api.post<SubscriptionView>(`${path(name)}/${paused ? 'pause' : 'resume'}`, undefined, project),
    delete: (name) => api.delete(path(name), project),
    replay: (name, from) => api.post<{ events: number }>(`${path(name)}/replay`, { from }, project, LONG),
    letters: (name, query) => api.get<Page<DeadLetterView>>(lettersPath(name), { ...project, ...query }),
    letter: (name, id) => api.get<DeadLetterView>(`${lettersPath(name)}/${segment(id)}`, project),
    change: (name, verb, letters) => api.post(`${lettersPath(name)}/${verb}`, letters, project),
    plan: (spec) => api.post('/v1/topology/plan', spec, project, LONG),
    apply: (spec) => api.post('/v1/topology/apply', spec, project, LONG),
    close: () => Promise.resolve(),
  }
}

async function* pages(api: Client, { from, patterns, signal }: LogQuery): AsyncGenerator<LoggedEventView> {
  let at: string | null = from
  while (at !== null) {
    const query = { ...api.project, from: at, patterns: patterns.join(',') }
    const page: Page<LoggedEventView> = await api.get('/v1/events', query, { signal })
    yield* page.items
    at = page.nextCursor
  }
}

async function* live(api: Client, { from, patterns, signal }: LogQuery): AsyncGenerator<LoggedEventView> {
  const query = { ...api.project, from, patterns: patterns.join(','), follow: true }
  for await (const { event, data } of streamed(api, '/v1/events', { query, signal })) {
    if (event === 'event') yield JSON.parse(data) as LoggedEventView
  }
}
