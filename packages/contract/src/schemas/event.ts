import { z } from 'zod'
import { EVENT_ORDERS } from '../names.ts'
import { durationSchema, projectQuerySchema, timeSchema } from './common.ts'

/** As the SDK takes it. */
export const eventTypeSchema = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'use words of letters, digits, "_" and "-", joined by dots')
  .meta({ example: 'user.signed_up' })
export const eventPatternSchema = z
  .string()
  .max(255)
  .regex(
    /^([A-Za-z0-9_-]+|\*|#)(\.([A-Za-z0-9_-]+|\*|#))*$/,
    'use dotted words; "*" stands for one word, "#" for any number',
  )
  .meta({ example: 'user.*' })
export const subscriptionNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,99}$/,
    'use 1 to 100 characters a-z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  )
/** Where in the log: a time, or an offset as the log's events have it. */
export const logPositionSchema = z
  .union([timeSchema, z.string().regex(/^\d{1,15}$/, 'use RFC 3339 or an offset')])
  .meta({ example: '2026-05-01T08:00:00Z' })

const count = z.number().int().min(0)

export const eventSchema = z.object({
  id: z.string(),
  type: z.string(),
  source: z.string(),
  time: z.string().meta({ description: "By the publisher's clock, as it wrote it." }),
  key: z.string().nullable(),
  dataVersion: z.number().nullable(),
  data: z.unknown(),
  traceparent: z.string().nullable(),
})
export type EventView = z.infer<typeof eventSchema>
export const loggedEventSchema = eventSchema.extend({ offset: count })
export type LoggedEventView = z.infer<typeof loggedEventSchema>

export const eventTypeViewSchema = z.object({
  type: z.string(),
  events: count.nullable().meta({ description: 'In the part of the log that was read; null when there is no log.' }),
  lastAt: z.string().nullable(),
  dataVersions: z.array(z.number()),
  sources: z.array(z.string()),
  subscriptions: z.array(z.string()),
  unrouted: count.meta({ description: 'Kept because nobody was subscribed when they were published.' }),
})
export type EventTypeView = z.infer<typeof eventTypeViewSchema>

export const publishEventSchema = z.strictObject({
  type: eventTypeSchema,
  data: z.unknown(),
  key: z.string().min(1).max(512).optional(),
  source: z.string().min(1).max(255).optional(),
})
export type PublishEvent = z.output<typeof publishEventSchema>
export const publishedEventSchema = z.object({ id: z.string(), type: eventTypeSchema })
export type PublishedEvent = z.infer<typeof publishedEventSchema>

export const subscriptionSchema = z.object({
  name: subscriptionNameSchema,
  patterns: z.array(z.string()),
  order: z.enum(EVENT_ORDERS),
  paused: z.boolean(),
  waiting: count,
  taken: count,
  retrying: count.nullable().meta({ description: 'null when the broker cannot tell.' }),
  dead: count,
  consumers: count,
  oldest: durationSchema.nullable().meta({ description: 'How long the oldest event has waited.' }),
})
export type SubscriptionView = z.infer<typeof subscriptionSchema>

export const declareSubscriptionSchema = z.strictObject({
  name: subscriptionNameSchema,
  patterns: z.array(eventPatternSchema).min(1).max(100),
  order: z.enum(EVENT_ORDERS).default('none'),
})
export type DeclareSubscription = z.output<typeof declareSubscriptionSchema>
export const topologyChangesSchema = z.object({
  changes: z.array(z.object({ action: z.enum(['create', 'bind', 'unbind', 'migrate', 'remove']), what: z.string() })),
})
export type TopologyChangeView = z.infer<typeof topologyChangesSchema>['changes'][number]

export const replayedSchema = z.object({ events: count })

/** Types that match, joined by commas. */
const patternsSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(eventPatternSchema).min(1).max(50))
  .meta({ description: 'Patterns, joined by commas; default all.' })
const from = logPositionSchema.optional().meta({ description: 'RFC 3339, or an offset; default one hour ago.' })
export const eventsQuerySchema = projectQuerySchema.extend({
  from,
  patterns: patternsSchema.default(['#']),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  follow: z.stringbool().default(false).meta({ description: 'As server-sent events: `event` per event.' }),
})
export const eventTypesQuerySchema = projectQuerySchema.extend({ from })
export const replaySchema = z.strictObject({ from: logPositionSchema })
