import { statusSchema } from '@pandastack/contract'
import type { ApiDeps } from '../deps.ts'
import { globalRoute, type Route } from '../route.ts'

export function statusRoutes(deps: ApiDeps): Route[] {
  return [
    globalRoute({
      method: 'GET',
      url: '/v1/status',
      summary: 'Show the state of the installation',
      description: "Counts are those of the token's project if it is bound to one.",
      tag: 'server',
      scope: 'read',
      status: 200,
      answer: statusSchema,
      handler: ({ identity }) => deps.status(identity.projectId),
    }),
  ]
}
