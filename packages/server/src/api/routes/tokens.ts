import {
  createdTokenSchema,
  createTokenSchema,
  nameSchema,
  pageOf,
  PandaError,
  tokenSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import type { Identity } from '../../auth/authenticator.ts'
import { createToken, getToken, listTokens, revokeToken } from '../../auth/tokens.ts'
import { unknownProject } from '../../projects/projects.ts'
import { pageRequest } from '../../store/page.ts'
import type { ApiDeps } from '../deps.ts'
import { listQuerySchema } from '../queries.ts'
import { globalRoute, type Route } from '../route.ts'

const tag = 'tokens'

export function tokenRoutes(deps: ApiDeps): Route[] {
  return [
    globalRoute({
      method: 'GET',
      url: '/v1/tokens',
      summary: 'List the tokens, without their secret part',
      tag,
      scope: 'admin',
      query: listQuerySchema,
      status: 200,
      answer: pageOf(tokenSchema),
      handler: ({ db, identity, query }) => listTokens(db, identity.projectId, pageRequest(query)),
    }),
    globalRoute({
      method: 'POST',
      url: '/v1/tokens',
      summary: 'Create a token; the answer is the only one that ever holds it',
      description: 'Made with a token that is bound to a project, it is bound to the same one.',
      tag,
      scope: 'admin',
      body: createTokenSchema,
      status: 201,
      answer: createdTokenSchema,
      handler: async ({ db, identity, body }) => {
        const expiresAt = body.expiresAt === null ? null : new Date(body.expiresAt)
        if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
          const message = 'is in the past'
          throw new PandaError('invalid_request', `expiresAt ${message}.`, { errors: [{ path: 'expiresAt', message }] })
        }
        const projectId = await projectIdFor(deps, identity, body.project)
        const { id, text } = await createToken(db, { name: body.name, scopes: body.scopes, projectId, expiresAt })
        return { ...(await getToken(db, projectId, id)), token: text }
      },
    }),
    globalRoute({
      method: 'DELETE',
      url: '/v1/tokens/:id',
      summary: 'Revoke a token',
      description: 'This server refuses it at once, others within 5 seconds.',
      tag,
      scope: 'admin',
      params: z.object({ id: z.string().max(64) }),
      status: 204,
      answer: null,
      handler: async ({ db, identity, params }) => {
        await revokeToken(db, identity.projectId, params.id)
        deps.authenticator.forget(params.id)
      },
    }),
  ]
}

type ProjectName = z.output<typeof nameSchema>

async function projectIdFor(deps: ApiDeps, identity: Identity, wanted: ProjectName | null): Promise<string | null> {
  if (wanted === null) return identity.projectId
  const project = await deps.projects.byName(wanted)
  if (project === undefined || (identity.projectId !== null && identity.projectId !== project.id)) {
    throw unknownProject(wanted)
  }
  return project.id
}
