import { z } from 'zod'
import { SCOPES, STORE_VARIABLES } from '../names.ts'
import { envNameSchema, nameSchema, timeSchema } from './common.ts'

export const projectSchema = z.object({ id: z.string(), name: nameSchema, createdAt: timeSchema })
export type Project = z.infer<typeof projectSchema>
export const createProjectSchema = z.strictObject({ name: nameSchema })

export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  project: nameSchema.nullable().meta({ description: 'null = every project' }),
  createdAt: timeSchema,
  lastUsedAt: timeSchema.nullable(),
  expiresAt: timeSchema.nullable(),
})
export type Token = z.infer<typeof tokenSchema>
export const createTokenSchema = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(SCOPES)).min(1),
  project: nameSchema.nullable().default(null),
  expiresAt: timeSchema.nullable().default(null),
})
/** The one answer that ever holds the token itself. */
export const createdTokenSchema = tokenSchema.extend({ token: z.string() })

export const envVariableSchema = z.object({ name: envNameSchema, value: z.string(), updatedAt: timeSchema })
export type EnvVariable = z.infer<typeof envVariableSchema>
export const setEnvSchema = z.strictObject({ value: z.string().max(32_768) })

/** The database in the platform's embedded PostgreSQL that a project gets which names no store for queues and events. */
export const projectDatabaseSchema = z.object({
  state: z.enum(['given', 'on-first-need', 'not-needed', 'unavailable']).meta({
    description:
      '`given`: apps and cronjobs get it as DATABASE_URL; `on-first-need`: it is made when the first of them starts; `not-needed`: the project names a store itself; `unavailable`: `message` says why.',
  }),
  database: z.string().nullable().meta({ description: 'Name of the database and of its role; null = none was made.' }),
  message: z.string(),
})
export type ProjectDatabase = z.infer<typeof projectDatabaseSchema>

export const STORE_TROUBLES = [
  'invalid-url',
  'unreachable',
  'login-refused',
  'namespace-missing',
  'read-only',
  'too-old',
  'loses-data',
  'unusable',
] as const
export const checkEnvSchema = z.strictObject({
  variables: z.partialRecord(z.enum(STORE_VARIABLES), z.string().max(32_768)),
})
export const storeWarningSchema = z.object({
  name: z.enum(STORE_VARIABLES),
  trouble: z.enum(STORE_TROUBLES),
  setting: z.string().nullable().meta({ description: 'With `loses-data`: which one.' }),
  message: z.string(),
  hint: z.string(),
})
export type StoreWarning = z.infer<typeof storeWarningSchema>
export const checkedEnvSchema = z.object({ warnings: z.array(storeWarningSchema) })
export type CheckedEnv = z.infer<typeof checkedEnvSchema>

/** Write-only: names and fingerprints come back, values never. */
export const secretSchema = z.object({
  kind: z.enum(['env', 'registry']),
  name: z.string().meta({ description: 'Variable name, or the registry host for kind `registry`.' }),
  cronjob: nameSchema.nullable().meta({ description: 'null = the whole project' }),
  fingerprint: z.string(),
  version: z.number().int(),
  updatedAt: timeSchema,
  warnings: z.array(z.string()).optional().meta({ description: 'Only where it is set.' }),
})
export type Secret = z.infer<typeof secretSchema>
export const setSecretSchema = z.strictObject({
  kind: z.enum(['env', 'registry']).default('env'),
  cronjob: nameSchema.nullable().default(null),
  username: z.string().max(256).optional().meta({ description: 'For kind `registry`.' }),
  value: z.string().min(1).max(32_768),
})

export const statusSchema = z.object({
  version: z.string(),
  server: z.string(),
  startedAt: timeSchema,
  ready: z.boolean(),
  database: z.object({ kind: z.enum(['embedded', 'external']), up: z.boolean(), version: z.string().nullable() }),
  scheduler: z.object({ up: z.boolean(), nextDueAt: timeSchema.nullable() }),
  engine: z.object({
    runtime: z.string(),
    up: z.boolean(),
    version: z.string().nullable(),
    address: z.string(),
    warning: z.string().nullable(),
  }),
  servers: z.array(
    z.object({
      id: z.string(),
      engine: z.string(),
      alive: z.boolean(),
      running: z.number().int(),
      startedAt: timeSchema,
    }),
  ),
  counts: z.object({
    cronjobs: z.number().int(),
    running: z.number().int(),
    queued: z.number().int(),
    failedLastDay: z.number().int(),
  }),
})
export type Status = z.infer<typeof statusSchema>
