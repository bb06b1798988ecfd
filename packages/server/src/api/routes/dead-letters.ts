import {
  changedLettersSchema,
  changeLettersSchema,
  deadLetterSchema,
  deadLettersQuerySchema,
  letterIdSchema,
  pageOf,
  PandaError,
  projectQuerySchema,
  subscriptionNameSchema,
} from '@pandastack/contract'
import { z } from 'zod'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'
import { withoutUndefined } from './without-undefined.ts'

const tag = 'dead letters'
const params = z.object({ subscription: subscriptionNameSchema })
const base = '/v1/subscriptions/:subscription/dead-letters'

/** Events of a subscription that will not be tried again by themselves. */
export function deadLetterRoutes(deps: ApiDeps): Route[] {
  return [...reads(deps), ...changes(deps)]
}

function reads({ events }: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: base,
      summary: 'List the dead letters of a subscription',
      description: 'Oldest first.',
      tag,
      scope: 'read',
      params,
      query: deadLettersQuerySchema,
      status: 200,
      answer: pageOf(deadLetterSchema),
      handler: ({ project, params, query: { limit, type, reason, cursor } }) =>
        events.use(project.id, (admin) =>
          admin.deadLetters(params.subscription, { limit, ...withoutUndefined({ type, reason, cursor }) }),
        ),
    }),
    projectRoute({
      method: 'GET',
      url: `${base}/:letter`,
      summary: 'Show a dead letter',
      tag,
      scope: 'read',
      params: params.extend({ letter: letterIdSchema }),
      query: projectQuerySchema,
      status: 200,
      answer: deadLetterSchema,
      handler: ({ project, params }) =>
        events.use(project.id, (admin) => admin.deadLetter(params.subscription, params.letter)),
    }),
  ]
}

function changes({ events }: ApiDeps): Route[] {
  const change = { method: 'POST', tag, params, query: projectQuerySchema, status: 200 } as const
  return [
    projectRoute({
      ...change,
      url: `${base}/redrive`,
      summary: 'Deliver dead letters anew, to this subscription alone; one of them with other `data` if given',
      scope: 'run',
      body: changeLettersSchema,
      answer: changedLettersSchema,
      handler: async ({ project, params, body: { ids, data } }) => {
        if (data !== undefined && ids.length > 1) throw manyWithData()
        const how = data === undefined ? {} : { data: JSON.stringify(data) }
        const results = await events.use(project.id, (admin) =>
          admin.change(params.subscription, ids, { kind: 'redrive', ...how }),
        )
        return { results: [...results] }
      },
    }),
    projectRoute({
      ...change,
      url: `${base}/drop`,
      summary: 'Throw dead letters away',
      scope: 'write',
      body: changeLettersSchema.omit({ data: true }),
      answer: changedLettersSchema,
      handler: async ({ project, params, body: { ids } }) => {
        const results = await events.use(project.id, (admin) =>
          admin.change(params.subscription, ids, { kind: 'drop' }),
        )
        return { results: [...results] }
      },
    }),
  ]
}

function manyWithData(): PandaError {
  const message = 'is for one letter at a time'
  return new PandaError('invalid_request', `data ${message}.`, { errors: [{ path: 'data', message }] })
}
