import { z } from 'zod'
import { envSchema, nameSchema, recordOf } from './common.ts'
import { alertSpecSchema } from './alert.ts'
import { cronjobSpecSchema } from './cronjob.ts'

/** `panda.yaml`: what a project should look like. */
export const manifestSchema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1).default(1),
  project: nameSchema.optional(),
  env: envSchema.default({}),
  secrets: z
    .array(z.string())
    .default([])
    .meta({ description: 'Names that must exist; set them with `panda secret set`.' }),
  cronjobs: recordOf(nameSchema, cronjobSpecSchema).default({}),
  alerts: recordOf(nameSchema, alertSpecSchema).default({}),
})
export type Manifest = z.output<typeof manifestSchema>
export type ManifestInput = z.input<typeof manifestSchema>

export const applySchema = z.strictObject({
  manifest: manifestSchema,
  dryRun: z.boolean().default(false),
  prune: z
    .boolean()
    .default(false)
    .meta({ description: 'Also delete cronjobs, alerts and env that the file does not name.' }),
})

export const changeSchema = z.object({
  kind: z.enum(['cronjob', 'alert', 'env']),
  name: z.string(),
  action: z.enum(['create', 'update', 'delete', 'unchanged']),
  fields: z.array(z.object({ path: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
})
export type Change = z.infer<typeof changeSchema>
export const applyResultSchema = z.object({
  project: nameSchema,
  dryRun: z.boolean(),
  changes: z.array(changeSchema),
  missingSecrets: z.array(z.string()),
  warnings: z.array(z.string()),
  signingSecrets: z
    .record(z.string(), z.string())
    .default({})
    .meta({ description: 'Of each webhook that was made now, by the name of its alert; shown only in this answer.' }),
})
export type ApplyResult = z.infer<typeof applyResultSchema>

/** For editors; published as docs/reference/panda.schema.json. Checks that code alone can make are left out. */
export function manifestJsonSchema(): object {
  return z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' })
}
