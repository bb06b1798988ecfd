import { z } from 'zod'
import { ALERT_EVENTS, APP_TROUBLES } from '../names.ts'
import { durationSchema, nameSchema, timeSchema } from './common.ts'

const url = z.url({ protocol: /^https?$/ }).max(2048)

/** Where an alert goes. Addresses and passwords are stored encrypted and answered masked. */
export const channelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url }),
  z.strictObject({ kind: z.literal('slack'), url }),
  z.strictObject({ kind: z.literal('discord'), url }),
  z.strictObject({ kind: z.literal('ntfy'), url }),
  z.strictObject({ kind: z.literal('email'), to: z.array(z.email()).min(1).max(20) }),
])
export type Channel = z.infer<typeof channelSchema>

export const alertSpecSchema = z.strictObject({
  on: z
    .array(z.enum(ALERT_EVENTS))
    .min(1)
    .default(['failed', 'lost', 'missed', ...APP_TROUBLES, 'recovered']),
  cronjob: nameSchema.nullable().default(null).meta({ description: 'Of this cronjob only; with `app`, of both.' }),
  app: nameSchema
    .nullable()
    .default(null)
    .meta({ description: 'Of this app only. With neither: of every cronjob and app of the project.' }),
  channel: channelSchema,
  lateAfter: durationSchema.default('1m').meta({ description: 'With `late`: not started so long after its time.' }),
  groupFor: durationSchema
    .default('5m')
    .meta({ description: 'After a message, further events wait so long and come as one.' }),
})
export type AlertSpec = z.output<typeof alertSpecSchema>
export const createAlertSchema = alertSpecSchema.extend({ name: nameSchema })

export const alertSchema = z.object({
  id: z.string(),
  name: nameSchema,
  project: nameSchema,
  on: z.array(z.enum(ALERT_EVENTS)),
  cronjob: nameSchema.nullable(),
  app: nameSchema.nullable(),
  channel: z.object({
    kind: z.string(),
    target: z.string().meta({ description: 'Masked, e.g. https://hooks.example.com/…' }),
  }),
  lateAfter: durationSchema,
  groupFor: durationSchema,
  createdAt: timeSchema,
})
export type Alert = z.infer<typeof alertSchema>
/** The signing secret (Standard Webhooks, `whsec_…`) is shown once. */
export const createdAlertSchema = alertSchema.extend({ signingSecret: z.string().nullable() })

export const deliverySchema = z.object({
  id: z.string(),
  alert: nameSchema,
  state: z.enum(['pending', 'sent', 'dead']),
  attempts: z.number().int(),
  events: z.number().int(),
  summary: z.string(),
  lastError: z.string().nullable(),
  createdAt: timeSchema,
  sentAt: timeSchema.nullable(),
  nextAttemptAt: timeSchema.nullable(),
})
export type Delivery = z.infer<typeof deliverySchema>
