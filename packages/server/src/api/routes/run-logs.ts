import { logPageSchema, logQuerySchema } from '@pandastack/contract'
import { z } from 'zod'
import { getRun } from '../../runs/queries.ts'
import type { ApiDeps } from '../deps.ts'
import { afterLastEvent, logEvents } from '../log-events.ts'
import { EventStream, projectRoute, type Route } from '../route.ts'

export function runLogRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/runs/:id/logs',
      summary: "Read a run's log, or follow it",
      description:
        'A page of lines; `nextAfter` goes on, null = that is all for now. With `follow=true` server-sent events: `log` ' +
        'per line with its number as id, at the end `end` with the run. `Last-Event-ID` goes on without gap or double.',
      tag: 'runs',
      scope: 'read',
      params: z.object({ id: z.string().max(64) }),
      query: logQuerySchema,
      headers: ['last-event-id'],
      streamsWith: 'follow',
      status: 200,
      answer: logPageSchema,
      handler: async ({ db, project, params, query, lastEventId, signal }) => {
        // Whoever may not see the run may not see its log; and a run that is not there has no empty log.
        const run = await getRun(db, project.id, params.id)
        const { follow, since, ...rest } = query
        const filter = { ...rest, since: since === undefined ? undefined : new Date(since) }
        if (!follow) return deps.logs.page(run.id, filter)
        afterLastEvent(lastEventId)
        const again = () => getRun(db, project.id, run.id)
        return new EventStream(logEvents(deps, { runId: run.id, query: filter, lastEventId, signal, run: again }))
      },
    }),
  ]
}
