import {
  createCronjobSchema,
  cronjobSchema,
  nameSchema,
  pageOf,
  pageQuerySchema,
  projectQuerySchema,
  updateCronjobSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import {
  createCronjob,
  deleteCronjob,
  getCronjob,
  listCronjobs,
  setSuspended,
  updateCronjob,
} from '../../cronjobs/cronjobs.ts'
import { pageRequest } from '../../store/page.ts'
import { etagOf, revisionOf } from '../etag.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'cronjobs'
const params = z.object({ name: nameSchema })
const query = projectQuerySchema

export function cronjobRoutes(): Route[] {
  return [...readRoutes(), ...writeRoutes(), pauseRoute('pause', true), pauseRoute('resume', false)]
}

function readRoutes(): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/cronjobs',
      summary: 'List the cronjobs by name',
      tag,
      scope: 'read',
      query: pageQuerySchema,
      status: 200,
      answer: pageOf(cronjobSchema),
      handler: ({ db, project, query }) => listCronjobs(db, project.id, pageRequest(query)),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/cronjobs/:name',
      summary: 'Show a cronjob',
      description: 'The ETag is its revision, for If-Match.',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: cronjobSchema,
      handler: async ({ db, project, params, header }) => {
        const cronjob = await getCronjob(db, project.id, params.name)
        header('etag', etagOf(cronjob.revision))
        return cronjob
      },
    }),
  ]
}

function writeRoutes(): Route[] {
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/cronjobs',
      summary: 'Create a cronjob',
      description: 'Its image need not be there yet: it is pulled before each run by the pull policy.',
      tag,
      scope: 'write',
      query,
      body: createCronjobSchema,
      status: 201,
      answer: cronjobSchema,
      handler: async ({ db, project, body, header }) => {
        const cronjob = await createCronjob(db, project.id, body)
        header('etag', etagOf(cronjob.revision))
        header('location', `/v1/cronjobs/${cronjob.name}`)
        return cronjob
      },
    }),
    projectRoute({
      method: 'PATCH',
      url: '/v1/cronjobs/:name',
      summary: 'Change the named fields of a cronjob',
      description: 'Runs that are active keep the revision they started with.',
      tag,
      scope: 'write',
      params,
      query,
      body: updateCronjobSchema,
      headers: ['if-match'],
      status: 200,
      answer: cronjobSchema,
      handler: async ({ db, project, params, body, ifMatch, header }) => {
        const cronjob = await updateCronjob(db, project.id, params.name, body, { revision: revisionOf(ifMatch) })
        header('etag', etagOf(cronjob.revision))
        return cronjob
      },
    }),
    projectRoute({
      method: 'DELETE',
      url: '/v1/cronjobs/:name',
      summary: 'Delete a cronjob with its own secrets and alerts; cancel its active runs',
      tag,
      scope: 'write',
      params,
      query,
      status: 204,
      answer: null,
      handler: ({ db, project, params }) => deleteCronjob(db, project.id, params.name),
    }),
  ]
}

function pauseRoute(verb: 'pause' | 'resume', suspended: boolean): Route {
  return projectRoute({
    method: 'POST',
    url: `/v1/cronjobs/:name/${verb}`,
    summary: suspended ? 'Pause a cronjob: its ticks are skipped' : 'Resume a cronjob with its next tick',
    tag,
    scope: 'write',
    params,
    query,
    status: 200,
    answer: cronjobSchema,
    handler: ({ db, project, params }) => setSuspended(db, project.id, params.name, suspended),
  })
}
