import { declareSubscriptionSchema, projectQuerySchema, topologyChangesSchema } from '@pandastack/contract'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

/** What the broker has, against what is declared. */
export function topologyRoutes({ events }: ApiDeps): Route[] {
  const declared = {
    method: 'POST',
    tag: 'topology',
    query: projectQuerySchema,
    body: declareSubscriptionSchema,
    status: 200,
    answer: topologyChangesSchema,
  } as const
  return [
    projectRoute({
      ...declared,
      url: '/v1/topology/plan',
      summary: 'Show what declaring a subscription would change at the broker',
      scope: 'read',
      handler: async ({ project, body }) => ({
        changes: [...(await events.use(project.id, (admin) => admin.plan(body)))],
      }),
    }),
    projectRoute({
      ...declared,
      url: '/v1/topology/apply',
      summary: 'Declare a subscription: make the broker as it says, without losing what waits',
      scope: 'write',
      handler: async ({ project, body }) => ({
        changes: [...(await events.use(project.id, (admin) => admin.apply(body)))],
      }),
    }),
  ]
}
