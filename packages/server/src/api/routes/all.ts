import type { ApiDeps } from '../deps.ts'
import type { Route } from '../route.ts'
import { alertRoutes } from './alerts.ts'
import { applyRoutes } from './apply.ts'
import { appRoutes } from './apps.ts'
import { usageRoutes } from './usage.ts'
import { cronjobRoutes } from './cronjobs.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { envRoutes } from './env.ts'
import { eventRoutes } from './events.ts'
import { previewRoutes } from './preview.ts'
import { projectRoutes } from './projects.ts'
import { queueRoutes } from './queues.ts'
import { runLogRoutes } from './run-logs.ts'
import { runRoutes } from './runs.ts'
import { secretRoutes } from './secrets.ts'
import { statusRoutes } from './status.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { tokenRoutes } from './tokens.ts'
import { topologyRoutes } from './topology.ts'

/** The whole API. */
export function allRoutes(deps: ApiDeps): Route[] {
  return [
    ...cronjobRoutes(),
    ...previewRoutes(),
    ...runRoutes(),
    ...runLogRoutes(deps),
    ...queueRoutes(deps),
    ...eventRoutes(deps),
    ...subscriptionRoutes(deps),
    ...deadLetterRoutes(deps),
    ...topologyRoutes(deps),
    ...appRoutes(deps),
    ...usageRoutes(deps),
    ...applyRoutes(deps),
    ...envRoutes(deps),
    ...secretRoutes(deps),
    ...alertRoutes(deps),
    ...projectRoutes(deps),
    ...tokenRoutes(deps),
    ...statusRoutes(deps),
  ]
}
