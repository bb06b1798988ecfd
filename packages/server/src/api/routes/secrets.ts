import {
  nameSchema,
  pageOf,
  pageQuerySchema,
  projectQuerySchema,
  secretSchema,
  setSecretSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import { listSecrets, setSecret, unsetSecret } from '../../settings/secrets.ts'
import { pageRequest } from '../../store/page.ts'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'settings'
const params = z.object({ name: z.string().min(1).max(260) })
const placeQuery = projectQuerySchema.extend({
  kind: z.enum(['env', 'registry']).default('env'),
  cronjob: nameSchema.optional(),
})

export function secretRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/secrets',
      summary: 'List the secrets: names and fingerprints, never values',
      tag,
      scope: 'read',
      query: pageQuerySchema,
      status: 200,
      answer: pageOf(secretSchema),
      handler: ({ db, project, query }) => listSecrets(db, project.id, pageRequest(query)),
    }),
    projectRoute({
      method: 'PUT',
      url: '/v1/secrets/:name',
      summary: 'Set one secret of the project or of one cronjob, or the login of a registry',
      description:
        'Stored encrypted. Runs that start from now on get it as a variable; its value is hidden in their logs.',
      tag,
      scope: 'secrets',
      params,
      query: projectQuerySchema,
      body: setSecretSchema,
      status: 200,
      answer: secretSchema,
      handler: ({ db, project, params, body }) =>
        db.transaction().execute((tx) => setSecret(tx, deps.box, project.id, { ...body, name: params.name })),
    }),
    projectRoute({
      method: 'DELETE',
      url: '/v1/secrets/:name',
      summary: 'Unset one secret',
      tag,
      scope: 'secrets',
      params,
      query: placeQuery,
      status: 204,
      answer: null,
      handler: ({ db, project, params, query }) =>
        unsetSecret(db, project.id, { kind: query.kind, name: params.name, cronjob: query.cronjob ?? null }),
    }),
  ]
}
