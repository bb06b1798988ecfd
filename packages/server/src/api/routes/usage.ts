import { nameSchema, parseDuration, usageQuerySchema, usageSchema } from '@pandastack/contract'
import { z } from 'zod'
import { measureUsage } from '../../apps/measure-usage.ts'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

const description =
  'Measured now, by the engine, so the answer comes after `window`. An instance whose figures are not known, e.g. since ' +
  'its container is on the engine of another server, is there with nulls and the reason (`unknown`).'
const shared = { method: 'GET', description, tag: 'apps', scope: 'read', status: 200 } as const

export function usageRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      ...shared,
      url: '/v1/usage',
      summary: 'Measure memory and CPU of all running instances of the project',
      query: usageQuerySchema,
      answer: usageSchema,
      handler: async ({ db, project, query, signal }) => {
        const request = { projectId: project.id, app: null, windowMs: parseDuration(query.window) }
        return { items: await measureUsage(deps.usage, db, request, signal) }
      },
    }),
    projectRoute({
      ...shared,
      url: '/v1/apps/:name/usage',
      summary: 'Measure memory and CPU of the running instances of an app',
      params: z.object({ name: nameSchema }),
      query: usageQuerySchema,
      answer: usageSchema,
      handler: async ({ db, project, params, query, signal }) => {
        const request = { projectId: project.id, app: params.name, windowMs: parseDuration(query.window) }
        return { items: await measureUsage(deps.usage, db, request, signal) }
      },
    }),
  ]
}
