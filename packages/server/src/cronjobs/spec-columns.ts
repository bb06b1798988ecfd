import { type CronjobSpec, parseDuration } from '@pandastack/contract'

/** The copies of the spec's fields that the claim of due ticks reads without parsing JSON. */
export function specColumns(spec: CronjobSpec) {
  return {
    spec: JSON.stringify(spec),
    schedule: spec.schedule,
    timezone: spec.timezone,
    suspended: spec.suspended,
    concurrency: spec.concurrency,
    missed: spec.missed,
    missed_limit: spec.missedLimit,
    deadline_ms: spec.deadline === null ? null : parseDuration(spec.deadline),
    jitter_ms: parseDuration(spec.jitter),
    max_attempts: spec.retry.attempts,
  }
}

/** The spec with the named fields changed; `undefined` leaves a field as it is. */
export function patchSpec(spec: CronjobSpec, patch: SpecPatch): CronjobSpec {
  const named = Object.entries(patch).filter(([, value]) => value !== undefined)
  // As it will be stored, so that it can be compared with what is stored.
  return JSON.parse(JSON.stringify({ ...spec, ...Object.fromEntries(named) })) as CronjobSpec
}

export type SpecPatch = { readonly [K in keyof CronjobSpec]?: CronjobSpec[K] | undefined }
