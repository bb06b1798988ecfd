import {
  nameSchema,
  pageOf,
  projectQuerySchema,
  replayRunSchema,
  runDetailSchema,
  runListQuerySchema,
  runSchema,
  startRunSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import { assertScope, type Identity } from '../../auth/authenticator.ts'
import { startRun } from '../../cronjobs/start-run.ts'
import { cancelRun } from '../../runs/cancel.ts'
import { getRun, listRuns } from '../../runs/queries.ts'
import { replayRun } from '../../runs/replay.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'runs'
const params = z.object({ id: z.string().max(64) })
const query = projectQuerySchema

export function runRoutes(): Route[] {
  return [...readRoutes(), startRoute(), ...changeRoutes()]
}

function readRoutes(): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/runs',
      summary: 'List runs, the newest first',
      tag,
      scope: 'read',
      query: runListQuerySchema,
      status: 200,
      answer: pageOf(runSchema),
      handler: ({ db, project, query }) => listRuns(db, project.id, query),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/runs/:id',
      summary: 'Show a run and its attempts',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: runDetailSchema,
      handler: ({ db, project, params }) => getRun(db, project.id, params.id),
    }),
  ]
}

function startRoute(): Route {
  return projectRoute({
    method: 'POST',
    url: '/v1/cronjobs/:name/runs',
    summary: 'Start a run by hand',
    description:
      "Command, arguments, variables and concurrency may differ for this run, which needs the scope `write`: it is another program. The cronjob's concurrency policy holds.",
    tag,
    scope: 'run',
    params: z.object({ name: nameSchema }),
    query,
    body: startRunSchema.prefault({}),
    status: 201,
    answer: runDetailSchema,
    handler: async ({ db, identity, project, params, body, header }) => {
      assertMayChange(identity, body)
      const { concurrency, ...overrides } = body
      const id = await startRun(db, project.id, params.name, { who: identity.name, overrides, concurrency })
      header('location', `/v1/runs/${id}`)
      return getRun(db, project.id, id)
    },
  })
}

/** The scope `run` starts what others have written; its own command in the cronjob's image would be any code. */
function assertMayChange(identity: Identity, overrides: Readonly<Record<string, unknown>>): void {
  const changed = Object.entries(overrides).filter(([, value]) => value !== undefined)
  if (changed.length > 0) assertScope(identity, 'write')
}

function changeRoutes(): Route[] {
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/runs/:id/cancel',
      summary: 'Cancel a run',
      description: 'One that runs gets SIGTERM, after its grace SIGKILL; the answer does not wait for that.',
      tag,
      scope: 'run',
      params,
      query,
      status: 202,
      answer: runDetailSchema,
      handler: async ({ db, identity, project, params }) => {
        await cancelRun(db, project.id, params.id, identity.name)
        return getRun(db, project.id, params.id)
      },
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/runs/:id/replay',
      summary: 'Run a run again, as it was or as its cronjob is now',
      description: 'Another command, arguments or variables need the scope `write`.',
      tag,
      scope: 'run',
      params,
      query,
      body: replayRunSchema.prefault({}),
      status: 201,
      answer: runDetailSchema,
      handler: async ({ db, identity, project, params, body, header }) => {
        const { as: _as, ...overrides } = body
        assertMayChange(identity, overrides)
        const id = await replayRun(db, project.id, params.id, { who: identity.name, ...body })
        header('location', `/v1/runs/${id}`)
        return getRun(db, project.id, id)
      },
    }),
  ]
}
