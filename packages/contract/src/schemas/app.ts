import { z } from 'zod'
import {
  APP_STATES,
  INSTANCE_STATES,
  LOG_STREAMS,
  PHASES,
  PULL_POLICIES,
  READY_MODES,
  REASONS,
  REVISION_STATES,
} from '../names.ts'
import {
  argvSchema,
  durationBetween,
  durationSchema,
  envSchema,
  httpProbeSchema,
  imageSchema,
  memorySchema,
  nameSchema,
  projectQuerySchema,
  publishedPortSchema,
  timeSchema,
} from './common.ts'

/** As Compose and Dockerfiles have them before the program. */
const FORMS_OF_COMPOSE = ['CMD', 'CMD-SHELL', 'NONE']
const probeCommandSchema = argvSchema.superRefine(([program], context) => {
  if (program === undefined) return // told by argvSchema already
  const message =
    program.trim() === ''
      ? 'the first word names the program, e.g. ["pg_isready", "-U", "app"]'
      : FORMS_OF_COMPOSE.includes(program)
        ? `leave "${program}" out: the first word names the program; for a shell write ["sh", "-c", "…"]`
        : null
  if (message !== null) context.addIssue({ code: 'custom', message })
})

/** What is asked until it says that an instance is ready. */
export const probeSchema = z
  .strictObject({
    http: httpProbeSchema.optional().meta({
      description:
        'GET of this path at this port of the container: ready when the answer is 2xx or 3xx. Without a host.',
    }),
    command: probeCommandSchema.optional().meta({
      description: 'Run in the container, without a shell: ready when it exits with 0. This or `http`.',
    }),
    interval: durationBetween('1s', '5m')
      .default('1s')
      .meta({ description: 'From the end of one try to the next, 1s to 5m.' }),
    timeout: durationBetween('1s', '5m').default('5s').meta({ description: 'Of one try, 1s to 5m.' }),
  })
  .superRefine(({ http, command }, context) => {
    if ((http === undefined) !== (command === undefined)) return
    const message =
      http === undefined
        ? 'names nothing to ask: give http (":3000/healthz") or command (["pg_isready", "-U", "app"])'
        : 'names both http and command: give one of them'
    context.addIssue({ code: 'custom', message })
  })
export type Probe = z.output<typeof probeSchema>

/** What each instance of an app is; a deploy that changes any of it makes a revision. */
export const appSpecSchema = z.strictObject({
  image: imageSchema,
  entrypoint: argvSchema.nullable().default(null).meta({ description: "Replaces the image's entry point." }),
  command: argvSchema
    .nullable()
    .default(null)
    .meta({ description: "The start command, what comes after `--`; replaces the image's own." }),
  env: envSchema.default({}),
  memory: memorySchema.default('512Mi').meta({ description: 'Per instance, 6Mi to 4096Gi.' }),
  cpus: z.number().min(0.01).max(256).default(1),
  pull: z.enum(PULL_POLICIES).default('always'),
  port: publishedPortSchema.nullable().default(null).meta({
    description:
      'Published port: address and port of the machine, then the port of the container, which `PORT` holds there. An app that has one runs one instance.',
  }),
  drain: durationSchema.default('30s').meta({
    description: 'An instance that is to end has so long to finish what it holds: SIGTERM, then SIGKILL.',
  }),
  ready: z.enum(READY_MODES).default('auto').meta({
    description:
      '`registered`: an instance is ready when its worker or subscription has told so; `auto`: that, or when it has run for 5 s.',
  }),
  probe: probeSchema.nullable().default(null).meta({
    description:
      'Asked from the start of an instance until its first yes, which makes it ready. It alone decides then, whatever `ready` says.',
  }),
  readyTimeout: durationSchema
    .default('2m')
    .meta({ description: 'A deploy whose instances are not ready by then has failed.' }),
})
export type AppSpec = z.output<typeof appSpecSchema>

export const replicasSchema = z.number().int().min(0).max(100)

/** What is left out stays as it was; of a new app it takes its default. `image` is needed the first time. */
export const deployAppSchema = z.strictObject({
  image: imageSchema.optional(),
  entrypoint: argvSchema.nullable().optional(),
  command: argvSchema.nullable().optional(),
  env: envSchema.optional(),
  memory: memorySchema.optional(),
  cpus: z.number().min(0.01).max(256).optional(),
  pull: z.enum(PULL_POLICIES).optional(),
  port: publishedPortSchema.nullable().optional(),
  drain: durationSchema.optional(),
  ready: z.enum(READY_MODES).optional(),
  probe: probeSchema.nullable().optional(),
  readyTimeout: durationSchema.optional(),
  replicas: replicasSchema.optional(),
})
export type DeployApp = z.output<typeof deployAppSchema>
/** As it is sent: without what has a default. */
export type DeployAppInput = z.input<typeof deployAppSchema>

export const scaleAppSchema = z.strictObject({ replicas: replicasSchema })
export const rollbackAppSchema = z.strictObject({
  revision: z.number().int().min(1).optional().meta({ description: 'Default: the last one that was ready before.' }),
})

/** How a container of an instance ended by itself. */
export const instanceEndSchema = z.object({
  at: timeSchema,
  instance: z.string().meta({ description: 'Its name, as logs show it.' }),
  reason: z.enum(REASONS).nullable(),
  message: z.string(),
  exitCode: z.number().int().nullable(),
})
export type InstanceEnd = z.infer<typeof instanceEndSchema>

export const instanceSchema = z.object({
  id: z.string(),
  name: z.string().meta({ description: 'App and the end of the id, as logs show it.' }),
  revision: z.number().int(),
  slot: z.number().int(),
  state: z.enum(INSTANCE_STATES),
  phase: z.enum(PHASES).nullable(),
  ready: z.boolean(),
  /** Starts after the first. */
  restarts: z.number().int(),
  reason: z.enum(REASONS).nullable().meta({ description: 'Of its last end.' }),
  message: z.string().nullable(),
  exitCode: z.number().int().nullable(),
  server: z.string().nullable(),
  startedAt: timeSchema.nullable(),
  nextStartAt: timeSchema.nullable(),
  finishedAt: timeSchema.nullable(),
  lastEnd: instanceEndSchema
    .nullable()
    .meta({ description: 'Kept over its next start; null = it never ended by itself.' }),
})
export type Instance = z.infer<typeof instanceSchema>

/** What became of the work that the instances of earlier revisions held; told by the SDK, null = nobody told. */
export const drainSchema = z.object({
  instances: z.number().int(),
  stopping: z.number().int().meta({ description: 'Not ended yet.' }),
  finished: z.number().int().nullable(),
  handedBack: z.number().int().nullable(),
  lost: z.number().int().nullable().meta({
    description:
      'Held by instances that ended before they could finish it or hand it back: it comes again when its lease ends.',
  }),
  killed: z.number().int().meta({ description: 'Had to be ended by SIGKILL, or were lost.' }),
})
export type Drain = z.infer<typeof drainSchema>

export const revisionSchema = z.object({
  revision: z.number().int(),
  state: z.enum(REVISION_STATES),
  message: z.string().nullable(),
  spec: appSpecSchema,
  imageDigest: z.string().nullable(),
  rollbackOf: z.number().int().nullable(),
  by: z.string().nullable(),
  createdAt: timeSchema,
  readyAt: timeSchema.nullable(),
  drained: drainSchema,
})
export type Revision = z.infer<typeof revisionSchema>

export const appSchema = z.object({
  id: z.string(),
  name: nameSchema,
  project: nameSchema,
  state: z.enum(APP_STATES),
  replicas: z.number().int(),
  ready: z.number().int().meta({ description: 'Instances that are ready.' }),
  restarts: z.number().int().meta({ description: 'Of the instances that are there now, together.' }),
  lastEnd: instanceEndSchema.nullable().meta({ description: 'The newest of these instances.' }),
  revision: z.number().int().meta({ description: 'The newest.' }),
  readyRevision: z.number().int().nullable().meta({ description: 'The one that serves; null = none has been ready.' }),
  spec: appSpecSchema.meta({ description: 'Of the newest revision.' }),
  createdAt: timeSchema,
  updatedAt: timeSchema,
})
export type App = z.infer<typeof appSchema>

export const appDetailSchema = appSchema.extend({
  deploy: revisionSchema.meta({ description: 'How the newest revision stands.' }),
  instances: z.array(instanceSchema),
})
export type AppDetail = z.infer<typeof appDetailSchema>

export const appLogLineSchema = z.object({
  instance: z.string(),
  line: z.number().int(),
  attempt: z.number().int(),
  stream: z.enum(LOG_STREAMS),
  time: timeSchema,
  text: z.string(),
})
export type AppLogLine = z.infer<typeof appLogLineSchema>

export const appLogQuerySchema = projectQuerySchema.extend({
  tail: z.coerce.number().int().min(0).max(10_000).default(100).meta({ description: 'The newest so many lines.' }),
  since: timeSchema.optional(),
  instance: z.string().max(100).optional().meta({ description: 'Of this instance only: its name or id.' }),
  follow: z
    .stringbool()
    .default(false)
    .meta({ description: 'As server-sent events, one `log` per line; see Last-Event-ID.' }),
})
export const appLogPageSchema = z.object({ items: z.array(appLogLineSchema) })

export const appExecQuerySchema = projectQuerySchema.extend({
  instance: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'Its name or id. Default: a ready one of the newest revision.' }),
})
