import {
  checkedEnvSchema,
  checkEnvSchema,
  envNameSchema,
  envVariableSchema,
  pageOf,
  pageQuerySchema,
  projectDatabaseSchema,
  projectQuerySchema,
  setEnvSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import { checkStores } from '../../settings/check-stores.ts'
import { listEnv, setEnv, unsetEnv } from '../../settings/env.ts'
import { viewDatabase } from '../../databases/view-database.ts'
import { pageRequest } from '../../store/page.ts'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'settings'
const params = z.object({ name: envNameSchema })

export function envRoutes(deps: Pick<ApiDeps, 'databases'>): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/env',
      summary: "List the project's variables",
      tag,
      scope: 'read',
      query: pageQuerySchema,
      status: 200,
      answer: pageOf(envVariableSchema),
      handler: ({ db, project, query }) => listEnv(db, project.id, pageRequest(query)),
    }),
    projectRoute({
      method: 'PUT',
      url: '/v1/env/:name',
      summary: 'Set one variable',
      description: 'Runs that start from now on get it.',
      tag,
      scope: 'write',
      params,
      query: projectQuerySchema,
      body: setEnvSchema,
      status: 200,
      answer: envVariableSchema,
      handler: ({ db, project, params, body }) => setEnv(db, project.id, params.name, body.value),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/database',
      summary: 'Whether the platform gives the project a database',
      description:
        'A project that sets none of REDIS_URL, RABBITMQ_URL, AMQP_URL, DATABASE_URL, PANDA_QUEUE_URL and PANDA_EVENTS_URL gets DATABASE_URL, of a database of its own in the embedded PostgreSQL. The URL itself is never shown.',
      tag,
      scope: 'read',
      query: projectQuerySchema,
      status: 200,
      answer: projectDatabaseSchema,
      handler: ({ db, project }) => viewDatabase(db, deps.databases, project.id),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/env/check',
      summary: 'Look whether the stores that variables name can be used',
      description:
        'Asked from the server, at most 3 s; nothing is stored. What cannot be used or can lose data comes back as warnings that say only the kind of trouble.',
      tag,
      scope: 'write',
      query: projectQuerySchema,
      body: checkEnvSchema,
      status: 200,
      answer: checkedEnvSchema,
      handler: async ({ body }) => ({ warnings: await checkStores(body.variables) }),
    }),
    projectRoute({
      method: 'DELETE',
      url: '/v1/env/:name',
      summary: 'Unset one variable',
      tag,
      scope: 'write',
      params,
      query: projectQuerySchema,
      status: 204,
      answer: null,
      handler: ({ db, project, params }) => unsetEnv(db, project.id, params.name),
    }),
  ]
}
