import {
  alertSchema,
  createAlertSchema,
  createdAlertSchema,
  deliverySchema,
  nameSchema,
  pageOf,
  projectQuerySchema,
} from '@pandastack/contract'
import { z } from 'zod'
import { createAlert, deleteAlert, getAlert, listAlerts, listDeliveries, testAlert } from '../../alerts/alerts.ts'
import { assertTarget } from '../../alerts/assert-target.ts'
import { rotateSecret } from '../../alerts/rotate-secret.ts'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route } from '../route.ts'

const tag = 'alerts'
const params = z.object({ name: nameSchema })
const query = projectQuerySchema

export function alertRoutes(deps: ApiDeps): Route[] {
  return [...ruleRoutes(deps), rotateRoute(deps), ...messageRoutes(deps)]
}

function ruleRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'GET',
      url: '/v1/alerts',
      summary: 'List the alerts',
      tag,
      scope: 'read',
      query,
      status: 200,
      answer: pageOf(alertSchema),
      handler: async ({ db, project }) => ({ items: await listAlerts(db, project.id), nextCursor: null }),
    }),
    projectRoute({
      method: 'POST',
      url: '/v1/alerts',
      summary: 'Create an alert; the answer is the only one that holds its signing secret',
      tag,
      scope: 'write',
      query,
      body: createAlertSchema,
      status: 201,
      answer: createdAlertSchema,
      handler: async ({ db, project, body }) => {
        assertTarget(body.channel, deps.alertAllow)
        return createAlert(db, deps.box, project.id, body)
      },
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/alerts/:name',
      summary: 'Show an alert',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: alertSchema,
      handler: ({ db, project, params }) => getAlert(db, project.id, params.name),
    }),
    projectRoute({
      method: 'DELETE',
      url: '/v1/alerts/:name',
      summary: 'Delete an alert and its undelivered messages',
      tag,
      scope: 'write',
      params,
      query,
      status: 204,
      answer: null,
      handler: ({ db, project, params }) => deleteAlert(db, project.id, params.name),
    }),
  ]
}

function rotateRoute(deps: ApiDeps): Route {
  return projectRoute({
    method: 'POST',
    url: '/v1/alerts/:name/rotate-secret',
    summary: 'Give a webhook a new signing secret; the old one signs nothing from then on',
    tag,
    scope: 'write',
    params,
    query,
    status: 200,
    answer: createdAlertSchema,
    handler: ({ db, project, params }) => rotateSecret(db, deps.box, project.id, params.name),
  })
}

function messageRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/alerts/:name/test',
      summary: 'Send a test message',
      description: 'It goes through the queue like any other; its fate is seen in the deliveries.',
      tag,
      scope: 'write',
      params,
      query,
      status: 202,
      answer: deliverySchema,
      handler: ({ db, project, params }) => testAlert(db, deps.alertQueue, project.id, params.name),
    }),
    projectRoute({
      method: 'GET',
      url: '/v1/alerts/:name/deliveries',
      summary: 'List the newest messages of an alert and what became of them',
      tag,
      scope: 'read',
      params,
      query,
      status: 200,
      answer: pageOf(deliverySchema),
      handler: async ({ db, project, params }) => ({
        items: await listDeliveries(db, project.id, params.name),
        nextCursor: null,
      }),
    }),
  ]
}
