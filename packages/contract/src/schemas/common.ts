import { z } from 'zod'
import { formatDuration, parseDuration } from '../duration.ts'
import { formatHttpProbe, parseHttpProbe } from '../probe.ts'
import { parseImageReference } from '../image-reference.ts'
import { formatPublishedPort, parsePublishedPort } from '../published-port.ts'
import { parseSize } from '../size.ts'

/** Turns a parser that throws RangeError into a zod check with the parser's own sentence. */
function checkedBy(parse: (text: string) => unknown) {
  return (text: string, context: z.core.$RefinementCtx<string>) => {
    try {
      parse(text)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  }
}

/** DNS label: it becomes part of container names and host names. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'use 1 to 63 characters a-z, 0-9 and -, beginning with a letter, not ending with -',
  )

/** A duration in its shortest form: `90s` is read and answered as `1m30s`. */
export const durationSchema = z
  .string()
  .superRefine(checkedBy(parseDuration))
  .overwrite((text) => {
    try {
      return formatDuration(parseDuration(text))
    } catch {
      return text // already reported by the check above
    }
  })
  .meta({ example: '5m' })

/** `[address:]port of the machine:port of the container`, answered with its address. */
export const publishedPortSchema = z
  .string()
  .superRefine(checkedBy(parsePublishedPort))
  .overwrite((text) => {
    try {
      return formatPublishedPort(parsePublishedPort(text))
    } catch {
      return text // already reported by the check above
    }
  })
  .meta({ example: '127.0.0.1:8080:3000' })

/** `http://:port of the container/path`. */
export const httpProbeSchema = z
  .string()
  .superRefine(checkedBy(parseHttpProbe))
  .overwrite((text) => {
    try {
      return formatHttpProbe(parseHttpProbe(text))
    } catch {
      return text // already reported by the check above
    }
  })
  .meta({ example: 'http://:3000/healthz' })

/** From so long to so long. */
export function durationBetween(least: string, most: string) {
  return durationSchema.superRefine((text, context) => {
    try {
      const milliseconds = parseDuration(text)
      if (milliseconds >= parseDuration(least) && milliseconds <= parseDuration(most)) return
      context.addIssue({ code: 'custom', message: `use ${least} to ${most}` })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error // told by durationSchema already
    }
  })
}

/** At most so long, beside the limit of every duration. */
export function durationUpTo(most: string) {
  return durationSchema.superRefine((text, context) => {
    try {
      if (parseDuration(text) > parseDuration(most)) context.addIssue({ code: 'custom', message: `at most ${most}` })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error // told by durationSchema already
    }
  })
}

export const sizeSchema = z.string().superRefine(checkedBy(parseSize)).meta({ example: '512Mi' })
const MIN_MEMORY = '6Mi'
const MAX_MEMORY = '4096Gi'
/** 6 MiB is the least that Docker takes (docs.docker.com/engine/containers/resource_constraints); 0 would be no limit. */
export const memorySchema = sizeSchema.superRefine((text, context) => {
  try {
    const bytes = parseSize(text)
    if (bytes >= parseSize(MIN_MEMORY) && bytes <= parseSize(MAX_MEMORY)) return
    context.addIssue({ code: 'custom', message: `use ${MIN_MEMORY} to ${MAX_MEMORY}` })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error // told by sizeSchema already
  }
})
export const imageSchema = z
  .string()
  .superRefine(checkedBy(parseImageReference))
  .meta({ example: 'your-org/mailer:latest' })

/** Names as POSIX has them; `PANDA_` is the platform's own. */
export const envNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'use letters, digits and _, not beginning with a digit')
/** A record whose key mistakes are told in the key's own words; zod's are "Invalid key in record". */
export function recordOf<K extends z.ZodString, V extends z.ZodType>(key: K, value: V) {
  return z.record(key, value, {
    error: (issue) => (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined),
  })
}

interface WellFormed {
  isWellFormed(): boolean
}

/** Node 20 has it, the ES2023 types do not know it yet. Half of a surrogate pair has no UTF-8, which processes get. */
function isWellFormed(text: string): boolean {
  return (text as unknown as WellFormed).isWellFormed()
}

const WHOLE_CHARACTERS = 'must not hold half a surrogate pair'

/** 64 KiB for all of it together, NUL cannot be passed to a process. */
export const MAX_ENV_BYTES = 64 * 1024
export const envSchema = recordOf(
  envNameSchema,
  z
    .string()
    .refine((value) => !value.includes('\0'), 'must not hold a NUL character')
    .refine(isWellFormed, WHOLE_CHARACTERS),
).refine(
  (env) => Object.entries(env).reduce((sum, [name, value]) => sum + name.length + value.length, 0) <= MAX_ENV_BYTES,
  'all variables together exceed 64 KiB',
)

export const argvSchema = z
  .array(
    z
      .string()
      .max(32_768)
      .refine((word) => !word.includes('\0'), 'must not hold a NUL character')
      .refine(isWellFormed, WHOLE_CHARACTERS),
  )
  .min(1, 'must hold at least one word')
  .max(256)

export const timeSchema = z.iso.datetime({ offset: true }).meta({ description: 'RFC 3339' })
export const cursorSchema = z.string().max(512)

export const pageQuerySchema = z.object({
  project: nameSchema.optional().meta({ description: 'Default: the project of the token, else `default`.' }),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: cursorSchema.optional(),
})
export const projectQuerySchema = z.object({ project: nameSchema.optional() })

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: cursorSchema.nullable() })
}

/** RFC 9457 problem document. `code` is stable, see docs/reference/errors.md. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
export type Problem = z.infer<typeof problemSchema>
