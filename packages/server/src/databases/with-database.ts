import type { LoadSettings } from '../executor/ports.ts'
import { backendsIn } from './backend-variables.ts'
import type { ProjectDatabases } from './project-databases.ts'

/** The settings of a project and, where it names no store for its queues and events, its database, made if need be. */
export function withDatabase(load: LoadSettings, databases: Pick<ProjectDatabases, 'account'>): LoadSettings {
  return async (projectId, cronjobIds) => {
    const settings = await load(projectId, cronjobIds)
    if (backendsIn(settings.env, settings.secrets).length > 0) return settings
    return { ...settings, database: await databases.account(projectId) }
  }
}
