import { z } from 'zod'
import { DEAD_REASONS, JOB_STATES } from '../names.ts'
import { durationSchema, timeSchema } from './common.ts'

/** As the SDK takes it; more characters than in other names, because queues are named by code, not by us. */
export const queueNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'use letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit',
  )
export const jobIdSchema = z.string().regex(/^[0-9a-z]{26}$/, 'a job id has 26 characters a-z and 0-9')

const count = z.number().int().min(0)
const rateSchema = z.object({ limit: z.number().int().min(1), per: durationSchema })
const jobCountsSchema = z.object(
  Object.fromEntries(JOB_STATES.map((state) => [state, count])) as Record<(typeof JOB_STATES)[number], typeof count>,
)

export const queueSchema = z.object({
  name: queueNameSchema,
  paused: z.boolean(),
  counts: jobCountsSchema,
  totals: z
    .object({ added: count, succeeded: count, failed: count, dead: count, crashed: count })
    .meta({ description: 'Since the queue exists; `failed` counts attempts, `crashed` workers that died with a job.' }),
  oldestQueued: durationSchema.nullable().meta({ description: 'How long the first queued job has waited.' }),
  limits: z.object({
    concurrency: z.number().int().min(1).nullable(),
    rate: rateSchema.nullable(),
    groupConcurrency: z.number().int().min(1),
    groupRate: rateSchema.nullable(),
  }),
  workers: z.array(
    z.object({
      id: z.string(),
      about: z.unknown().meta({ description: 'What the worker says of itself: host, pid, app.' }),
      running: count,
      leaseEndsIn: durationSchema,
    }),
  ),
})
export type QueueView = z.infer<typeof queueSchema>

export const jobSchema = z.object({
  id: jobIdSchema,
  queue: queueNameSchema,
  state: z.enum(JOB_STATES),
  data: z.unknown(),
  priority: z.number().int(),
  group: z.string().nullable(),
  parent: z.object({ queue: z.string(), id: z.string() }).nullable(),
  waitsFor: count,
  failures: count,
  crashes: count,
  progress: z.unknown(),
  value: z.unknown().meta({ description: 'What its handler returned.' }),
  error: z
    .object({ name: z.string(), message: z.string(), stack: z.string().nullable(), at: timeSchema.nullable() })
    .nullable(),
  reason: z.string().nullable(),
  worker: z.string().nullable(),
  addedAt: timeSchema,
  runAt: timeSchema.nullable(),
  startedAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
  firstFailedAt: timeSchema.nullable(),
  lastFailedAt: timeSchema.nullable(),
})
export type JobView = z.infer<typeof jobSchema>

export const addJobSchema = z.strictObject({
  data: z.unknown(),
  delay: durationSchema.optional(),
  runAt: timeSchema.optional(),
  priority: z.number().int().min(-100).max(100).optional(),
  attempts: z.number().int().min(1).optional(),
  timeout: durationSchema.optional(),
  group: z.string().min(1).max(512).optional(),
  idempotencyKey: z.string().min(1).max(512).optional(),
})
export type AddJob = z.output<typeof addJobSchema>
export const addedJobSchema = z.object({ id: jobIdSchema, queue: queueNameSchema, deduplicated: z.boolean() })
export type AddedJob = z.infer<typeof addedJobSchema>

export const redriveSchema = z.strictObject({
  ids: z.array(jobIdSchema).min(1).max(1000).optional(),
  reason: z.enum(DEAD_REASONS).optional(),
  limit: z.number().int().min(1).optional(),
})
export type Redrive = z.output<typeof redriveSchema>
export const changedSchema = z.object({ jobs: count })
