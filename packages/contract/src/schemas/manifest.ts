import { z } from 'zod'
import { envNameSchema, envSchema, nameSchema, recordOf } from './common.ts'
import { alertSpecSchema } from './alert.ts'
import { appSpecSchema, replicasSchema } from './app.ts'
import { cronjobSpecSchema } from './cronjob.ts'

/** An app as the file has it: what `panda app deploy` can say of it. */
export const manifestAppSchema = appSpecSchema.extend({
  replicas: replicasSchema
    .optional()
    .meta({ description: 'Left out: 1 for a new app; of one that is there, as many as it was scaled to.' }),
})
export type ManifestApp = z.output<typeof manifestAppSchema>

/** `panda.yaml`: what a project should look like. */
export const manifestSchema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1).default(1),
  project: nameSchema.optional(),
  env: envSchema.default({}),
  secrets: z
    .array(envNameSchema)
    .default([])
    .meta({ description: 'Secrets of the project that must be set: `panda secret set NAME`.' }),
  requires: z.array(envNameSchema).default([]).meta({
    description:
      'Names that must be set on the project, as a variable or as a secret; their values are not of this file.',
  }),
  cronjobs: recordOf(nameSchema, cronjobSpecSchema).default({}),
  apps: recordOf(nameSchema, manifestAppSchema).default({}),
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
    .meta({ description: 'Also delete cronjobs, apps (drained), alerts and env that the file does not name.' }),
})

export const changeSchema = z.object({
  kind: z.enum(['cronjob', 'app', 'alert', 'env']),
  name: z.string(),
  action: z.enum(['create', 'update', 'delete', 'unchanged']),
  fields: z.array(z.object({ path: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
})
export type Change = z.infer<typeof changeSchema>
/** Something that the file refers to and that neither the file nor the project has. */
export const missingReferenceSchema = z.object({
  path: z.string().meta({ description: 'Where the file refers to it, e.g. `alerts.oncall.app`.' }),
  message: z.string(),
  hint: z.string().meta({ description: 'What to do.' }),
})
export type MissingReference = z.infer<typeof missingReferenceSchema>
export const applyResultSchema = z.object({
  project: nameSchema,
  dryRun: z.boolean(),
  changes: z.array(changeSchema),
  missing: z
    .array(missingReferenceSchema)
    .meta({ description: 'Only of a dry run; else the call is refused with `reference_missing`.' }),
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
