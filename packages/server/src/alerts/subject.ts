import { type AlertEvent, type AlertSpec, APP_TROUBLES, PandaError } from '@pandastack/contract'
import type { Queryable } from '../store/database.ts'

type Subject = Pick<AlertSpec, 'on' | 'cronjob' | 'app'>

const OF_APPS: ReadonlySet<AlertEvent> = new Set([...APP_TROUBLES, 'recovered'])

/**
 * The columns that say what an alert is for.
 *
 * @throws PandaError `not_found`; `invalid_request` when it is for an app or a cronjob alone and hears of nothing that can
 * happen to it
 */
export async function subjectOf(db: Queryable, projectId: string, { on, cronjob, app }: Subject) {
  assertHears(on, cronjob, app)
  return {
    cronjob_id: cronjob === null ? null : await findId(db, 'cronjobs', projectId, cronjob),
    app_id: app === null ? null : await findId(db, 'apps', projectId, app),
  }
}

function assertHears(on: Subject['on'], cronjob: string | null, app: string | null): void {
  const told = on.join(', ')
  if (app !== null && !on.some((event) => OF_APPS.has(event))) {
    throw new PandaError('invalid_request', `No app is ever ${told}: the alert would never tell of "${app}".`, {
      hint: `Apps have: ${[...OF_APPS].join(', ')}.`,
    })
  }
  const ofRuns = on.some((event) => event === 'recovered' || !OF_APPS.has(event))
  if (cronjob !== null && !ofRuns) {
    throw new PandaError('invalid_request', `No cronjob has ${told}: the alert would never tell of "${cronjob}".`, {
      hint: 'These events are of apps: name one with --app.',
    })
  }
}

async function findId(db: Queryable, table: 'cronjobs' | 'apps', projectId: string, name: string): Promise<string> {
  const row = await db
    .selectFrom(table)
    .select('id')
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (row !== undefined) return row.id
  const what = table === 'cronjobs' ? 'cronjob' : 'app'
  throw new PandaError('not_found', `There is no ${what} "${name}" in this project`, {
    hint: `See: panda ${what} list`,
  })
}
