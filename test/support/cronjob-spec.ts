import { type CronjobSpec, cronjobSpecSchema, type CronjobSpecInput } from '@pandastack/contract'

/** A complete spec: an hourly job in UTC unless told otherwise. */
export function cronjobSpec(fields: Partial<CronjobSpecInput> = {}): CronjobSpec {
  return cronjobSpecSchema.parse({ image: 'busybox:1.36', schedule: '0 * * * *', ...fields })
}
