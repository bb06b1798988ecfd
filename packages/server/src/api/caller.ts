import { DEFAULT_PROJECT, nameSchema, PandaError } from '@pandastack/contract'
import type { FastifyRequest } from 'fastify'
import { assertScope, type Identity } from '../auth/authenticator.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import { unknownProject } from '../projects/projects.ts'
import type { ApiDeps } from './deps.ts'
import type { Route } from './route.ts'

/** Who calls, and about which project; found out before the body is read. */
export interface Caller {
  readonly identity: Identity
  /** null for routes about the whole installation. */
  readonly project: ProjectRef | null
}

/** @throws PandaError `forbidden`, `project_not_found` */
export async function findCaller(
  deps: ApiDeps,
  route: Route,
  identity: Identity,
  request: FastifyRequest,
): Promise<Caller> {
  assertScope(identity, route.scope)
  return { identity, project: route.perProject ? await findProject(deps, identity, request.query) : null }
}

/** A token that is bound to a project never learns whether another one exists: both answers are the same. */
async function findProject(deps: ApiDeps, identity: Identity, query: unknown): Promise<ProjectRef> {
  const wanted = (query as { project?: unknown }).project
  const own = identity.projectId === null ? undefined : await deps.projects.byId(identity.projectId)
  if (wanted === undefined) {
    const project = identity.projectId === null ? await deps.projects.byName(DEFAULT_PROJECT) : own
    if (project === undefined) throw new PandaError('project_not_found', "The token's project does not exist any more.")
    return project
  }
  const name = nameSchema.safeParse(wanted)
  if (!name.success) {
    const message = name.error.issues[0]?.message ?? 'not valid'
    throw new PandaError('invalid_name', `project: ${message}`, { errors: [{ path: 'project', message }] })
  }
  const project = identity.projectId === null ? await deps.projects.byName(name.data) : own
  if (project === undefined || project.name !== name.data) throw unknownProject(name.data)
  return project
}
