import { applyResultSchema, applySchema, PandaError, projectQuerySchema } from '@pandastack/contract'
import { assertTarget } from '../../alerts/assert-target.ts'
import { assertProbe } from '../../apps/assert-probe.ts'
import { applyManifest } from '../../manifests/apply-manifest.ts'
import type { ApiDeps } from '../deps.ts'
import { asDatabase } from '../../store/nested-transaction.ts'
import { projectRoute, type Route } from '../route.ts'

export function applyRoutes(deps: ApiDeps): Route[] {
  return [
    projectRoute({
      method: 'POST',
      url: '/v1/apply',
      summary: 'Make the project look as a panda.yaml says, or show what would change',
      description:
        'All of it or nothing; instances of apps follow. The project is named by `?project=`; one in the file must be the same.',
      tag: 'cronjobs',
      scope: 'write',
      query: projectQuerySchema,
      body: applySchema,
      status: 200,
      answer: applyResultSchema,
      handler: async ({ db, project, body, identity }) => {
        const named = body.manifest.project
        if (named !== undefined && named !== project.name) {
          const message = `names the project ${named}, the call is about ${project.name}`
          throw new PandaError('invalid_request', `The file ${message}.`, {
            hint: `Repeat with --project ${named}, or change the file.`,
            errors: [{ path: 'manifest.project', message }],
          })
        }
        for (const [name, { channel }] of Object.entries(body.manifest.alerts))
          assertTarget(channel, deps.alertAllow, `manifest.alerts.${name}.channel.url`)
        for (const [name, { probe }] of Object.entries(body.manifest.apps))
          assertProbe(deps.exec.driver, probe, `manifest.apps.${name}.probe`)
        return db
          .transaction()
          .execute((tx) => applyManifest({ db: asDatabase(tx), box: deps.box, project, by: identity.name }, body))
      },
    }),
  ]
}
