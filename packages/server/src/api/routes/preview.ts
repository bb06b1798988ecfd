import { previewQuerySchema, previewSchema } from '@pandastack/contract'
import { previewSchedule } from '../../cronjobs/preview.ts'
import { databaseNow } from '../../store/database.ts'
import { globalRoute, type Route } from '../route.ts'

export function previewRoutes(): Route[] {
  return [
    globalRoute({
      method: 'GET',
      url: '/v1/preview',
      summary: 'Show when a schedule would fire',
      description: 'With the daylight-saving gaps and repeats that it meets.',
      tag: 'cronjobs',
      scope: 'read',
      query: previewQuerySchema,
      status: 200,
      answer: previewSchema,
      handler: async ({ db, query }) => {
        const from = query.from === undefined ? await databaseNow(db) : new Date(query.from)
        return previewSchedule({ ...query, from })
      },
    }),
  ]
}
