import { z } from 'zod'
import { durationBetween, nameSchema, projectQuerySchema } from './common.ts'

export const usageQuerySchema = projectQuerySchema.extend({
  window: durationBetween('100ms', '10s')
    .default('500ms')
    .meta({ description: 'How long the CPU is watched; the answer comes after that. At least 100ms, at most 10s.' }),
})

/** What one running instance uses; what is not known is null, with the reason. */
export const instanceUsageSchema = z.object({
  app: nameSchema,
  id: z.string(),
  instance: z.string().meta({ description: 'Its name, as logs show it.' }),
  revision: z.number().int(),
  memoryBytes: z
    .number()
    .int()
    .nullable()
    .meta({ description: 'Bytes, without the pages of files that the kernel drops when it needs room.' }),
  memoryLimitBytes: z.number().int().nullable().meta({ description: 'The limit in force, bytes; null = none.' }),
  cpuCores: z.number().nullable().meta({ description: 'CPU time per time in the window: 1 = one core at work.' }),
  cpuSeconds: z.number().nullable().meta({ description: 'CPU time since its container started.' }),
  unknown: z.string().nullable().meta({ description: 'Why something of it is not known; null = all is.' }),
})
export type InstanceUsage = z.infer<typeof instanceUsageSchema>

export const usageSchema = z.object({ items: z.array(instanceUsageSchema) })
export type Usage = z.infer<typeof usageSchema>
