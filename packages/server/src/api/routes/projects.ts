import { createProjectSchema, nameSchema, pageOf, PandaError, projectSchema } from '@pandastack/contract'
import { z } from 'zod'
import { createProject, deleteProject, listProjects, unknownProject } from '../../projects/projects.ts'
import { pageRequest } from '../../store/page.ts'
import type { ApiDeps } from '../deps.ts'
import { listQuerySchema } from '../queries.ts'
import { globalRoute, type Route } from '../route.ts'

const tag = 'projects'

export function projectRoutes(deps: ApiDeps): Route[] {
  return [
    globalRoute({
      method: 'GET',
      url: '/v1/projects',
      summary: 'List the projects',
      description: 'A token that is bound to a project sees that one only.',
      tag,
      scope: 'read',
      query: listQuerySchema,
      status: 200,
      answer: pageOf(projectSchema),
      handler: ({ db, identity, query }) => listProjects(db, identity.projectId, pageRequest(query)),
    }),
    globalRoute({
      method: 'POST',
      url: '/v1/projects',
      summary: 'Create a project',
      tag,
      scope: 'admin',
      body: createProjectSchema,
      status: 201,
      answer: projectSchema,
      handler: async ({ db, identity, body }) => {
        if (identity.projectId !== null) {
          throw new PandaError('forbidden', 'A token that is bound to a project cannot create others.')
        }
        return createProject(db, body.name)
      },
    }),
    globalRoute({
      method: 'DELETE',
      url: '/v1/projects/:name',
      summary: 'Delete a project that has no cronjobs',
      description: 'Its history, settings, alerts and tokens go with it.',
      tag,
      scope: 'admin',
      params: z.object({ name: nameSchema }),
      status: 204,
      answer: null,
      handler: async ({ db, identity, params }) => {
        if (identity.projectId !== null) {
          const own = await deps.projects.byId(identity.projectId)
          if (own?.name !== params.name) throw unknownProject(params.name)
        }
        await deleteProject(db, params.name)
        deps.projects.forget()
        await deps.databases.dropDeleted()
      },
    }),
  ]
}
