import {
  appDetailSchema,
  appLogPageSchema,
  appLogQuerySchema,
  appSchema,
  deployAppSchema,
  nameSchema,
  pageOf,
  pageQuerySchema,
  projectQuerySchema,
  revisionSchema,
  rollbackAppSchema,
  scaleAppSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import { AppLogPosition } from '../../apps/app-log-position.ts'
import { type AppLogEvent, followAppLog, readAppLog } from '../../apps/app-logs.ts'
import { getApp, listApps, listRevisions } from '../../apps/app-view.ts'
import { assertProbe } from '../../apps/assert-probe.ts'
import { deleteApp, restartApp, rollbackApp, scaleApp, startApp, stopApp } from '../../apps/change-app.ts'
import { deployApp } from '../../apps/deploy-app.ts'
import { pageRequest } from '../../store/page.ts'
import type { ApiDeps } from '../deps.ts'
import { appExecRoute } from './app-exec.ts'
import { EventStream, projectRoute, type ProjectCall, type Route, type ServerEvent } from '../route.ts'

const tag = 'apps'
const params = z.object({ name: nameSchema })
const query = projectQuerySchema
type Params = z.output<typeof params>

export function appRoutes(deps: ApiDeps): Route[] {
  return [...readRoutes(), logRoute(deps), ...changeRoutes(deps), appExecRoute(deps), deleteRoute()]
}

function readRoutes(): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/apps',
      summary: 'List the apps by name',
      tag,
      scope: 'read',
      query: pageQuerySchema,
      status: 200,
      answer: pageOf(appSchema),
      handler: ({ db, project, query }) => listApps(db, project.id, pageRequest(query)),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/apps/:name',
      summary: 'Show an app, its newest revision and its instances',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: appDetailSchema,
      handler: ({ db, project, params }) => getApp(db, project.id, params.name),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/apps/:name/revisions',
      summary: 'List the revisions of an app, the newest first',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: z.object({ items: z.array(revisionSchema) }),
      handler: async ({ db, project, params }) => ({ items: await listRevisions(db, project.id, params.name) }),
    }),
  ]
}

function logRoute(deps: ApiDeps): Route {
  return projectRoute({
    method: 'GET',
    url: '/v1/apps/:name/logs',
    summary: 'Read the logs of all instances of an app together, or follow them',
    description:
      'Lines carry the name of their instance. With `follow=true` server-sent events: `log` per line, and at the start one ' +
      '`position`; `Last-Event-ID` goes on behind that event in the logs of all instances, without gap or double.',
    tag,
    scope: 'read',
    params,
    query: appLogQuerySchema,
    headers: ['last-event-id'],
    streamsWith: 'follow',
    status: 200,
    answer: appLogPageSchema,
    handler: async ({ db, project, params, query, lastEventId, signal }) => {
      const { id, name } = await getApp(db, project.id, params.name)
      const since = query.since === undefined ? undefined : new Date(query.since)
      const request = { app: { id, name }, tail: query.tail, since, instance: query.instance }
      if (!query.follow) return { items: await readAppLog(db, request) }
      const from = lastEventId === '' ? undefined : lastEventId
      // Refused before the stream begins.
      if (from !== undefined) AppLogPosition.parse(from)
      return new EventStream(asEvents(followAppLog(deps, request, signal, from)))
    },
  })
}

async function* asEvents(events: AsyncIterable<AppLogEvent>): AsyncGenerator<ServerEvent> {
  for await (const { id, line } of events) {
    yield line === null ? { event: 'position', id, data: {} } : { event: 'log', id, data: line }
  }
}

interface Change<B> {
  readonly verb: string
  readonly summary: string
  readonly description?: string
  readonly body?: z.ZodType<B>
  readonly scope?: 'run' | 'write'
  readonly make: (call: ProjectCall<Params, unknown, B>) => Promise<void>
}

/** All answer with the app as it is then; its instances follow the change. */
function changeRoute<B = undefined>({ verb, make, scope = 'write', ...rest }: Change<B>): Route {
  return projectRoute({
    ...rest,
    method: 'POST',
    url: `/v1/apps/:name/${verb}`,
    tag,
    scope,
    params,
    query,
    status: 202,
    answer: appDetailSchema,
    handler: async (call) => {
      await make(call)
      return getApp(call.db, call.project.id, call.params.name)
    },
  })
}

function changeRoutes(deps: ApiDeps): Route[] {
  return [
    changeRoute({
      verb: 'deploys',
      summary: 'Make an app, or a new revision of it',
      description:
        'New instances start beside the old ones; when all are ready the old ones end within their drain time. A revision that does not become ready is ended, and the old one stays.',
      body: deployAppSchema,
      make: ({ db, project, params, body, identity }) => {
        assertProbe(deps.exec.driver, body.probe, 'probe')
        return deployApp(db, project.id, params.name, body, identity.name)
      },
    }),
    changeRoute({
      verb: 'rollbacks',
      summary: 'Deploy an earlier revision again, exactly as it was',
      body: rollbackAppSchema,
      make: ({ db, project, params, body, identity }) =>
        rollbackApp(db, project.id, params.name, { revision: body.revision, by: identity.name }),
    }),
    changeRoute({
      verb: 'scale',
      summary: 'Set how many instances run',
      body: scaleAppSchema,
      make: ({ db, project, params, body }) => scaleApp(db, project.id, params.name, body.replicas),
    }),
    changeRoute({
      verb: 'restart',
      summary: 'Replace all instances by new ones',
      scope: 'run',
      make: ({ db, project, params, identity }) => restartApp(db, project.id, params.name, identity.name),
    }),
    changeRoute({
      verb: 'stop',
      summary: 'End all instances within their drain time',
      scope: 'run',
      make: ({ db, project, params }) => stopApp(db, project.id, params.name),
    }),
    changeRoute({
      verb: 'start',
      summary: 'Start a stopped app',
      scope: 'run',
      make: ({ db, project, params }) => startApp(db, project.id, params.name),
    }),
  ]
}

function deleteRoute(): Route {
  return projectRoute({
    method: 'DELETE',
    url: '/v1/apps/:name',
    summary: 'Delete an app; its instances end within their drain time',
    tag,
    scope: 'write',
    params,
    query,
    status: 204,
    answer: null,
    handler: ({ db, project, params }) => deleteApp(db, project.id, params.name),
  })
}
