import { parseDuration } from '@pandastack/contract'
import { backendsIn, GIVEN_VARIABLE } from '../databases/backend-variables.ts'
import type { PreparedRun } from './prepared-run.ts'

type Env = Readonly<Record<string, string>>

/** The variables that may be stored and shown: everything but secrets and what differs by run. */
export function visibleEnv(run: PreparedRun): Env {
  // A replay "as it was" brings its own; later attempts of a replay keep what the first had.
  if (run.trigger === 'replay' && run.envSnapshot !== null) return { ...run.envSnapshot, ...run.overrides.env }
  return { ...run.settings.env, ...run.spec.env, ...run.overrides.env }
}

/**
 * The environment of a unit; later wins: project env, project secrets, the cronjob's env, the cronjob's secrets, the
 * run's overrides, our own PANDA_ variables.
 *
 * @param databaseUrl given as DATABASE_URL where all of this names no store for queues and events; null = nothing is given
 */
export function unitEnv(run: PreparedRun, databaseUrl: string | null = null): Env {
  const replayed = run.trigger === 'replay' && run.envSnapshot !== null
  const set = {
    ...(replayed ? run.envSnapshot : run.settings.env),
    ...run.settings.secrets,
    ...(replayed ? cronjobPart(run) : run.spec.env),
    ...run.settings.cronjobSecrets.get(run.cronjobId),
    ...run.overrides.env,
  }
  return {
    ...(databaseUrl !== null && backendsIn(set).length === 0 ? { [GIVEN_VARIABLE]: databaseUrl } : {}),
    ...set,
    PANDA_PROJECT: run.project,
    ...(run.kind === 'app' ? namesOfInstance(run) : namesOfRun(run)),
  }
}

function namesOfRun(run: PreparedRun): Env {
  return {
    PANDA_CRONJOB: run.cronjob,
    PANDA_RUN_ID: run.id,
    PANDA_ATTEMPT: String(run.attempt),
    PANDA_DUE_AT: run.dueAt.toISOString(),
    PANDA_TRIGGER: run.trigger,
  }
}

/** `PANDA_APP` is also the name that the SDK takes for a subscription that has none. */
function namesOfInstance(run: PreparedRun): Env {
  return {
    PANDA_APP: run.cronjob,
    PANDA_INSTANCE: run.id,
    PANDA_REVISION: String(run.revision),
    PANDA_DRAIN_MS: String(parseDuration(run.spec.grace)),
    PANDA_ATTEMPT: String(run.attempt),
    // What is published is what the program is to listen at, whatever else it was told.
    ...(run.port === null ? {} : { PORT: String(run.port.containerPort) }),
  }
}

/** Of a snapshot, the variables that the cronjob's own env set: they win over project secrets, as they did then. */
function cronjobPart(run: PreparedRun): Env {
  const snapshot = run.envSnapshot ?? {}
  return Object.fromEntries(Object.entries(snapshot).filter(([name]) => Object.hasOwn(run.spec.env, name)))
}

/** Values that must not reach the log store. */
export function secretValues(run: Pick<PreparedRun, 'settings' | 'cronjobId'>): string[] {
  const own = run.settings.cronjobSecrets.get(run.cronjobId) ?? {}
  const passwords = [...run.settings.registries.values()].map((auth) => auth.password)
  if (run.settings.database) passwords.push(run.settings.database.password)
  return [...new Set([...Object.values(run.settings.secrets), ...Object.values(own), ...passwords])]
}
