import {
  pageOf,
  projectQuerySchema,
  replayedSchema,
  replaySchema,
  subscriptionNameSchema,
  subscriptionSchema,
} from '@pandastack/contract'
import { logPosition } from '@pandastack/sdk/events'
import { z } from 'zod'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'subscriptions'
const params = z.object({ subscription: subscriptionNameSchema })
const one = { tag, params, query: projectQuerySchema, status: 200 } as const

/** The subscriptions at the broker that the project's env names. */
export function subscriptionRoutes(deps: ApiDeps): Route[] {
  return [...reads(deps), ...changes(deps)]
}

function reads({ events }: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/subscriptions',
      summary: 'List the subscriptions of the project',
      description:
        'At the broker that PANDA_EVENTS_URL, RABBITMQ_URL, AMQP_URL, DATABASE_URL or REDIS_URL of the project names.',
      tag,
      scope: 'read',
      query: projectQuerySchema,
      status: 200,
      answer: pageOf(subscriptionSchema),
      handler: async ({ project }) => ({
        items: await events.use(project.id, (admin) => admin.subscriptions()),
        nextCursor: null,
      }),
    }),
    projectRoute({
      ...one,
      method: 'GET',
      url: '/v1/subscriptions/:subscription',
      summary: 'Show a subscription: patterns, what waits, consumers',
      scope: 'read',
      answer: subscriptionSchema,
      handler: ({ project, params }) => events.use(project.id, (admin) => admin.subscription(params.subscription)),
    }),
  ]
}

function changes({ events, clock }: ApiDeps): Route[] {
  const paused = (verb: 'pause' | 'resume', summary: string): Route =>
    projectRoute({
      ...one,
      method: 'POST',
      url: `/v1/subscriptions/:subscription/${verb}`,
      summary,
      scope: 'write',
      answer: subscriptionSchema,
      handler: ({ project, params }) =>
        events.use(project.id, (admin) => admin.pause(params.subscription, verb === 'pause')),
    })
  return [
    paused('pause', 'Pause a subscription: its events wait'),
    paused('resume', 'Resume a paused subscription'),
    projectRoute({
      ...one,
      method: 'POST',
      url: '/v1/subscriptions/:subscription/replay',
      summary: 'Deliver events of the log once more, to this subscription alone',
      scope: 'run',
      body: replaySchema,
      answer: replayedSchema,
      handler: ({ project, params, body, signal }) =>
        events.use(project.id, (admin) =>
          admin.replay(params.subscription, logPosition(body.from, clock.now()), signal),
        ),
    }),
    projectRoute({
      method: 'DELETE',
      url: '/v1/subscriptions/:subscription',
      summary: 'Delete a subscription with what waits in it and its dead letters',
      tag,
      scope: 'write',
      params,
      query: projectQuerySchema,
      status: 204,
      answer: null,
      handler: ({ project, params }) => events.use(project.id, (admin) => admin.delete(params.subscription)),
    }),
  ]
}
