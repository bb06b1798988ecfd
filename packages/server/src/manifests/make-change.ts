import type { Change, Manifest } from '@pandastack/contract'
import { createAlert, deleteAlert, updateAlert } from '../alerts/alerts.ts'
import type { Sealer } from '../alerts/stored-channel.ts'
import { deleteApp, scaleApp } from '../apps/change-app.ts'
import { deployApp } from '../apps/deploy-app.ts'
import { createCronjob, deleteCronjob, updateCronjob } from '../cronjobs/cronjobs.ts'
import { setEnv, unsetEnv } from '../settings/env.ts'
import type { Database } from '../store/database.ts'

/** Whose project is changed, and how. */
export interface ApplyTarget {
  /** In the caller's transaction. */
  readonly db: Database
  readonly box: Sealer
  readonly project: { readonly id: string; readonly name: string }
  /** The token's name, for the revisions of apps. */
  readonly by: string | null
}

/** Makes one change of the plan. @returns the signing secret of a webhook that was made. */
export async function makeChange(target: ApplyTarget, manifest: Manifest, change: Change): Promise<string | null> {
  const { db, project } = target
  switch (change.kind) {
    case 'env': {
      const value = named(manifest.env, change.name)
      await (value === undefined ? unsetEnv(db, project.id, change.name) : setEnv(db, project.id, change.name, value))
      return null
    }
    case 'cronjob':
      await changeCronjob(target, manifest, change)
      return null
    case 'app':
      await changeApp(target, manifest, change)
      return null
    case 'alert':
      return changeAlert(target, manifest, change)
  }
}

async function changeCronjob({ db, project }: ApplyTarget, manifest: Manifest, { name, action }: Change) {
  const spec = named(manifest.cronjobs, name)
  if (!spec) await deleteCronjob(db, project.id, name)
  else if (action === 'create') await createCronjob(db, project.id, { name, ...spec })
  else await updateCronjob(db, project.id, name, spec)
}

/** Another number of instances alone is no new revision. */
async function changeApp({ db, project, by }: ApplyTarget, manifest: Manifest, { name, action, fields }: Change) {
  const app = named(manifest.apps, name)
  if (!app) return deleteApp(db, project.id, name)
  const onlyScaled = action === 'update' && fields.every(({ path }) => path === 'replicas')
  if (onlyScaled && app.replicas !== undefined) return scaleApp(db, project.id, name, app.replicas)
  return deployApp(db, project.id, name, app, by)
}

async function changeAlert({ db, box, project }: ApplyTarget, manifest: Manifest, { name, action }: Change) {
  const spec = named(manifest.alerts, name)
  if (!spec) {
    await deleteAlert(db, project.id, name)
    return null
  }
  if (action === 'update') return updateAlert(db, box, project.id, name, spec)
  return (await createAlert(db, box, project.id, { name, ...spec })).signingSecret
}

/** A name may be one that every object answers to, such as `constructor`. */
function named<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
