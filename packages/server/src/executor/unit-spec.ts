import { parseDuration, parseImageReference, parseSize } from '@pandastack/contract'
import { registryHost } from '../settings/registry-host.ts'
import { type RegistryAuth, type UnitSpec, unitName } from '../runtime/driver.ts'
import { unitEnv } from './environment.ts'
import type { PreparedRun } from './prepared-run.ts'
import type { Limits } from './verdict.ts'

export function limitsOf({ spec }: PreparedRun): Limits {
  return {
    memoryBytes: parseSize(spec.memory),
    timeoutMs: spec.timeout === null ? null : parseDuration(spec.timeout),
    graceMs: parseDuration(spec.grace),
  }
}

/** @param databaseUrl of the database that the platform gives its project; null = none */
export function unitSpecOf(
  run: PreparedRun,
  installation: string,
  image: string,
  databaseUrl: string | null = null,
): UnitSpec {
  const { memoryBytes, graceMs } = limitsOf(run)
  return {
    name: unitName(run.id, run.attempt),
    labels: {
      installation,
      project: run.project,
      kind: run.kind,
      resource: run.cronjob,
      run: run.id,
      attempt: run.attempt,
    },
    image,
    entrypoint: run.overrides.entrypoint ?? run.spec.entrypoint,
    command: run.overrides.command ?? run.spec.command,
    env: unitEnv(run, databaseUrl),
    memoryBytes,
    cpus: run.spec.cpus,
    graceMs,
    ...(run.port === null ? {} : { port: run.port }),
  }
}

/** The image to ask for: what the cronjob names, or for a replay exactly what ran then. */
export function imageOf(run: PreparedRun): string {
  if (run.trigger !== 'replay' || run.imageDigest === null) return run.spec.image
  const { registry, repository } = parseImageReference(run.spec.image)
  return `${registry}/${repository}@${run.imageDigest}`
}

export function registryAuthOf(run: PreparedRun): RegistryAuth | null {
  if (run.settings.registries.size === 0) return null
  return run.settings.registries.get(registryHost(parseImageReference(run.spec.image).registry)) ?? null
}
