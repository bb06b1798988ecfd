import type { App, ApplyResult, Manifest } from '@pandastack/contract'
import type { Client } from '../http/client.ts'
import type { Session } from '../session.ts'
import { warnOfEngine } from '../runs/warn-of-engine.ts'
import { awaitApps, settled } from './await-app.ts'
import { readySentence } from './change-app.ts'

/**
 * Waits until the apps of the file are ready: those that were changed, and those that an earlier apply has left deploying.
 * Apps that are stopped are not waited for.
 *
 * @throws CliError `deploy_failed` (5), `interrupted` (130)
 */
export async function awaitAppsOf(
  session: Session,
  api: Client,
  manifest: Manifest,
  { changes }: ApplyResult,
): Promise<void> {
  if (Object.keys(manifest.apps).length === 0) return
  const made = new Map(changes.filter(({ kind }) => kind === 'app').map((change) => [change.name, change.action]))
  const { items } = await api.all<App>('/v1/apps', api.project)
  const wanted = items.filter(({ name, state }) => {
    const action = made.get(name)
    if (action === undefined || action === 'delete' || state === 'stopped') return false
    return action !== 'unchanged' || state === 'deploying'
  })
  if (wanted.length === 0) return
  await warnOfEngine(session, api)
  // A change of the number alone is no deploy.
  const scaled = new Set(
    changes
      .filter(({ action, fields }) => action === 'update' && fields.every(({ path }) => path === 'replicas'))
      .map(({ kind, name }) => `${kind} ${name}`),
  )
  const isScaled = (name: string) => scaled.has(`app ${name}`)
  const waits = wanted.map(({ name }) => ({ name, deploying: !isScaled(name), reached: settled }))
  const forPeople = session.globals.format === 'table' || session.globals.format === 'wide'
  await awaitApps(session, api, waits, async (app) => {
    const done = isScaled(app.name) ? 'Scaled' : 'Deployed'
    if (forPeople) await session.print(readySentence(session, app, done, !isScaled(app.name)))
  })
}
