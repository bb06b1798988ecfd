import { z } from 'zod'
import { CONCURRENCY, MISSED_POLICIES, PULL_POLICIES, TICK_NOTES } from '../names.ts'
import {
  argvSchema,
  durationSchema,
  durationUpTo,
  envSchema,
  imageSchema,
  memorySchema,
  nameSchema,
  timeSchema,
} from './common.ts'

/** The retry policy that queues, events and cronjobs share. `attempts` counts all, the first one too. */
export const retrySchema = z.strictObject({
  attempts: z.number().int().min(1).max(100).default(1),
  backoff: z
    .strictObject({
      kind: z.enum(['fixed', 'exponential']).default('exponential'),
      delay: durationSchema.default('10s'),
      factor: z.number().min(1).max(10).default(2),
      max: durationSchema.default('10m'),
      jitter: z.number().min(0).max(1).default(0.1).meta({ description: 'Share of the delay that is random, 0 to 1.' }),
    })
    .prefault({}),
})

/** Fields of a cronjob as they are written; what is left out takes its default. */
export const cronjobSpecSchema = z.strictObject({
  image: imageSchema,
  entrypoint: argvSchema.nullable().default(null).meta({ description: "Replaces the image's entry point." }),
  command: argvSchema
    .nullable()
    .default(null)
    .meta({ description: "The start command, what comes after `--`; replaces the image's own." }),
  schedule: z.string().min(1).max(200).meta({ example: '0 8 * * 1' }),
  timezone: z.string().min(1).max(64).default('UTC').meta({ description: 'IANA name.' }),
  env: envSchema.default({}),
  concurrency: z.enum(CONCURRENCY).default('forbid'),
  missed: z.enum(MISSED_POLICIES).default('last'),
  missedLimit: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .meta({ description: 'With `missed: all`: at most so many of the newest are run.' }),
  deadline: durationSchema
    .nullable()
    .default(null)
    .meta({ description: 'A run that cannot start within this time after it is due is skipped.' }),
  timeout: durationSchema.nullable().default('1h').meta({ description: 'Each attempt; null = none.' }),
  grace: durationUpTo('1h').default('10s').meta({ description: 'Between SIGTERM and SIGKILL, at most 1h.' }),
  retry: retrySchema.prefault({}),
  jitter: durationSchema.default('0s').meta({ description: 'Starts up to so much later, spread by name.' }),
  memory: memorySchema.default('512Mi').meta({ description: '6Mi to 4096Gi.' }),
  cpus: z.number().min(0.01).max(256).default(1),
  pull: z.enum(PULL_POLICIES).default('always'),
  keep: z.number().int().min(1).max(1_000_000).default(1000).meta({ description: 'Finished runs kept.' }),
  suspended: z.boolean().default(false),
})
export type CronjobSpec = z.output<typeof cronjobSpecSchema>
export type CronjobSpecInput = z.input<typeof cronjobSpecSchema>

export const createCronjobSchema = cronjobSpecSchema.extend({ name: nameSchema })
/** Only the named fields change. `name` cannot. Defaults are not filled in. */
export const updateCronjobSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(cronjobSpecSchema.shape).map(([key, schema]) => [key, withoutDefault(schema).optional()]),
  ) as {
    [K in keyof typeof cronjobSpecSchema.shape]: z.ZodOptional<(typeof cronjobSpecSchema.shape)[K]>
  },
)

function withoutDefault(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodType) : schema
}

/** Something that the user should know about a cronjob, e.g. that it polls. */
export const warningSchema = z.object({
  code: z.enum(['polling-schedule', 'polling-history', 'image-absent', 'secret-like-env']),
  message: z.string(),
  hint: z.string(),
})
export type Warning = z.infer<typeof warningSchema>

export const cronjobSchema = cronjobSpecSchema.extend({
  id: z.string(),
  name: nameSchema,
  project: nameSchema,
  revision: z.number().int(),
  scheduleWords: z.string(),
  nextDueAt: timeSchema.nullable(),
  lastRun: z.object({ id: z.string(), state: z.string(), dueAt: timeSchema }).nullable(),
  secrets: z.array(z.string()).meta({ description: 'Names of secrets that belong to this cronjob alone.' }),
  warnings: z.array(warningSchema),
  createdAt: timeSchema,
  updatedAt: timeSchema,
})
export type Cronjob = z.output<typeof cronjobSchema>

export const previewQuerySchema = z.object({
  schedule: z.string().min(1).max(200),
  timezone: z.string().min(1).max(64).default('UTC'),
  count: z.coerce.number().int().min(1).max(1000).default(10),
  from: timeSchema.optional(),
})
export const previewSchema = z.object({
  schedule: z.string(),
  timezone: z.string(),
  words: z.string(),
  ticks: z.array(z.object({ dueAt: timeSchema, local: z.string(), note: z.enum(TICK_NOTES).nullable() })),
  warnings: z.array(warningSchema),
})
export type Preview = z.infer<typeof previewSchema>
