import { z } from 'zod'
import { EVENT_DEAD_REASONS } from '../names.ts'
import { cursorSchema, projectQuerySchema, timeSchema } from './common.ts'
import { eventSchema, subscriptionNameSchema } from './event.ts'

const count = z.number().int().min(0)

/** An event's own id; of a message of a foreign program whatever it had. */
export const letterIdSchema = z.string().min(1).max(255)

export const deadLetterSchema = z.object({
  id: letterIdSchema,
  subscription: subscriptionNameSchema,
  event: eventSchema.nullable().meta({ description: 'null when it could not be decoded; then `raw` is what came.' }),
  raw: z.string().nullable(),
  reason: z.enum(EVENT_DEAD_REASONS),
  error: z.object({ name: z.string(), message: z.string(), stack: z.string().nullable() }).nullable(),
  attempts: count,
  crashes: count,
  firstFailedAt: timeSchema.nullable(),
  deadAt: timeSchema,
})
export type DeadLetterView = z.infer<typeof deadLetterSchema>

/** `data`: redrive one letter with this payload instead of its own. */
export const changeLettersSchema = z.strictObject({
  ids: z.array(letterIdSchema).min(1).max(1000),
  data: z.unknown().optional(),
})
export type ChangeLetters = z.output<typeof changeLettersSchema>
export const changedLettersSchema = z.object({ results: z.array(z.enum(['done', 'not-found'])) })

export const deadLettersQuerySchema = projectQuerySchema.extend({
  type: z.string().max(255).optional(),
  reason: z.enum(EVENT_DEAD_REASONS).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: cursorSchema.optional(),
})
