import { z } from 'zod'
import {
  ATTEMPT_OUTCOMES,
  CONCURRENCY,
  LOG_STREAMS,
  PHASES,
  REASONS,
  RUN_STATES,
  TICK_NOTES,
  TRIGGERS,
} from '../names.ts'
import { argvSchema, envSchema, nameSchema, pageQuerySchema, projectQuerySchema, timeSchema } from './common.ts'

export const attemptSchema = z.object({
  number: z.number().int(),
  outcome: z.enum(ATTEMPT_OUTCOMES).nullable().meta({ description: 'null while it runs' }),
  reason: z.enum(REASONS).nullable(),
  message: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  imageDigest: z.string().nullable(),
  server: z.string().nullable(),
  startedAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
})
export type Attempt = z.infer<typeof attemptSchema>

/** What one run changes against its cronjob. */
export const runOverridesSchema = z.strictObject({
  entrypoint: argvSchema.optional(),
  command: argvSchema.optional(),
  env: envSchema.optional(),
})
export type RunOverrides = z.infer<typeof runOverridesSchema>

export const startRunSchema = runOverridesSchema.extend({
  concurrency: z.enum(CONCURRENCY).optional().meta({ description: "For this run only; default: the cronjob's." }),
})

export const replayRunSchema = runOverridesSchema.extend({
  as: z.enum(['it-was', 'now']).default('it-was').meta({
    description: '`it-was`: image digest, command, limits and env of the first run; `now`: the cronjob as it is.',
  }),
})

export const runSchema = z.object({
  id: z.string(),
  project: nameSchema,
  cronjob: nameSchema,
  revision: z.number().int(),
  trigger: z.enum(TRIGGERS),
  who: z.string().nullable(),
  state: z.enum(RUN_STATES),
  phase: z.enum(PHASES).nullable(),
  reason: z.enum(REASONS).nullable(),
  message: z.string().nullable(),
  dueAt: timeSchema,
  dueLocal: z.string(),
  tickNote: z.enum(TICK_NOTES).nullable(),
  startedAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
  latenessMs: z.number().int().nullable(),
  durationMs: z.number().int().nullable(),
  exitCode: z.number().int().nullable(),
  attempt: z.number().int(),
  maxAttempts: z.number().int(),
  lostAttempts: z.number().int(),
  image: z.string(),
  imageDigest: z.string().nullable(),
  overrides: runOverridesSchema,
  replayOf: z.string().nullable(),
  createdAt: timeSchema,
})
export type Run = z.infer<typeof runSchema>
export const runDetailSchema = runSchema.extend({ attempts: z.array(attemptSchema) })
export type RunDetail = z.infer<typeof runDetailSchema>

export const runListQuerySchema = pageQuerySchema.extend({
  cronjob: nameSchema.optional(),
  state: z.enum(RUN_STATES).optional(),
  since: timeSchema.optional(),
})

export const logLineSchema = z.object({
  /** Position in the run's log, 1-based over all attempts; also the SSE event id. */
  line: z.number().int(),
  attempt: z.number().int(),
  stream: z.enum(LOG_STREAMS),
  time: timeSchema,
  text: z.string(),
})
export type LogLine = z.infer<typeof logLineSchema>

export const logQuerySchema = projectQuerySchema.extend({
  after: z.coerce.number().int().min(0).optional().meta({ description: 'Only lines behind this one.' }),
  tail: z.coerce.number().int().min(0).max(100_000).optional(),
  since: timeSchema.optional(),
  attempt: z.coerce.number().int().min(1).optional(),
  stream: z.enum(LOG_STREAMS).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
  follow: z
    .stringbool()
    .default(false)
    .meta({ description: 'As server-sent events: `log` per line, then one `end` with the run.' }),
})
export const logPageSchema = z.object({ items: z.array(logLineSchema), nextAfter: z.number().int().nullable() })
