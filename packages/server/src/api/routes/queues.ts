import {
  addedJobSchema,
  addJobSchema,
  changedSchema,
  cursorSchema,
  JOB_STATES,
  jobIdSchema,
  jobSchema,
  pageOf,
  projectQuerySchema,
  queueNameSchema,
  queueSchema,
  redriveSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'
import { withoutUndefined } from './without-undefined.ts'

const tag = 'queues'
const queueParams = z.object({ queue: queueNameSchema })
const jobParams = z.object({ queue: queueNameSchema, id: jobIdSchema })
const jobsQuery = projectQuerySchema.extend({
  state: z.enum(JOB_STATES).default('queued'),
  group: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: cursorSchema.optional(),
})

/** The queues of the store that the project's env names. */
export function queueRoutes(deps: ApiDeps): Route[] {
  return [...queueReads(deps), ...jobReads(deps), ...jobRoutes(deps), ...queueChanges(deps)]
}

function queueReads({ queues }: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/queues',
      summary: 'List the queues of the project',
      description: 'They lie in the store that PANDA_QUEUE_URL, REDIS_URL or DATABASE_URL of the project names.',
      tag,
      scope: 'read',
      query: projectQuerySchema,
      status: 200,
      answer: pageOf(queueSchema),
      handler: async ({ project }) => ({
        items: await queues.use(project.id, (admin) => admin.list()),
        nextCursor: null,
      }),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/queues/:queue',
      summary: 'Show a queue: counts, limits, workers',
      tag,
      scope: 'read',
      params: queueParams,
      query: projectQuerySchema,
      status: 200,
      answer: queueSchema,
      handler: ({ project, params }) => queues.use(project.id, (admin) => admin.get(params.queue)),
    }),
  ]
}

function jobReads({ queues }: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/queues/:queue/jobs',
      summary: 'List the jobs of a queue in one state',
      tag,
      scope: 'read',
      params: queueParams,
      query: jobsQuery,
      status: 200,
      answer: pageOf(jobSchema),
      handler: ({ project, params, query }) => {
        const { state, group, limit, cursor } = query
        return queues.use(project.id, (admin) =>
          admin.jobs(params.queue, { state, limit, ...withoutUndefined({ group, cursor }) }),
        )
      },
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/queues/:queue/jobs/:id',
      summary: 'Show a job',
      tag,
      scope: 'read',
      params: jobParams,
      query: projectQuerySchema,
      status: 200,
      answer: jobSchema,
      handler: ({ project, params }) => queues.use(project.id, (admin) => admin.job(params.queue, params.id)),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/queues/:queue/jobs/:id/logs',
      summary: 'Read the log lines of a job',
      description: 'Its last 1,000 lines, oldest first.',
      tag,
      scope: 'read',
      params: jobParams,
      query: projectQuerySchema,
      status: 200,
      answer: z.object({ lines: z.array(z.string()) }),
      handler: async ({ project, params }) => ({
        lines: [...(await queues.use(project.id, (admin) => admin.logs(params.queue, params.id)))],
      }),
    }),
  ]
}

function jobRoutes({ queues }: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/jobs',
      summary: 'Add a job',
      tag,
      scope: 'run',
      params: queueParams,
      query: projectQuerySchema,
      body: addJobSchema,
      status: 201,
      answer: addedJobSchema,
      handler: ({ project, params, body }) => {
        const { data, runAt, ...options } = body
        const at = runAt === undefined ? {} : { runAt: new Date(runAt) }
        return queues.use(project.id, (admin) =>
          admin.add(params.queue, data ?? null, { ...withoutUndefined(options), ...at }),
        )
      },
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/jobs/:id/retry',
      summary: 'Queue an ended job anew, with new data if given',
      tag,
      scope: 'run',
      params: jobParams,
      query: projectQuerySchema,
      status: 200,
      answer: jobSchema,
      body: z.strictObject({ data: z.unknown().optional() }),
      handler: ({ project, params, body }) =>
        queues.use(project.id, (admin) => admin.retry(params.queue, params.id, body.data)),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/jobs/:id/cancel',
      summary: 'Cancel a job; one that runs gets its signal aborted',
      tag,
      scope: 'run',
      params: jobParams,
      query: projectQuerySchema,
      status: 202,
      answer: jobSchema,
      body: z.strictObject({ reason: z.string().max(500).optional() }),
      handler: ({ project, params, body }) =>
        queues.use(project.id, (admin) => admin.cancel(params.queue, params.id, body.reason)),
    }),
  ]
}

function queueChanges({ queues }: ApiDeps): Route[] {
  const change = { tag, params: queueParams, query: projectQuerySchema, status: 200 } as const
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/pause',
      summary: 'Pause a queue: no worker starts a job of it',
      ...change,
      scope: 'write',
      answer: queueSchema,
      handler: ({ project, params }) => queues.use(project.id, (admin) => admin.pause(params.queue, true)),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/resume',
      summary: 'Resume a paused queue',
      ...change,
      scope: 'write',
      answer: queueSchema,
      handler: ({ project, params }) => queues.use(project.id, (admin) => admin.pause(params.queue, false)),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/drain',
      summary: 'Cancel all jobs that wait',
      ...change,
      scope: 'write',
      answer: changedSchema,
      handler: ({ project, params }) => queues.use(project.id, (admin) => admin.drain(params.queue)),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/queues/:queue/redrive',
      summary: 'Queue dead jobs anew: all, some by id, or those of one reason',
      ...change,
      scope: 'run',
      body: redriveSchema,
      answer: changedSchema,
      handler: ({ project, params, body }) =>
        queues.use(project.id, (admin) => admin.redrive(params.queue, withoutUndefined(body))),
    }),
  ]
}
