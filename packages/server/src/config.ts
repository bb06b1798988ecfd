import { resolve } from 'node:path'
import { DEFAULT_PORT, parseDuration, parseSize } from '@pandastack/contract'
import envPaths from 'env-paths'
import { z } from 'zod'
import { isAddressOrRange } from './alerts/address-range.ts'
import { parseFault } from './fault-points.ts'
import { StartError } from './start/start-error.ts'

/** The only file that reads the environment. Inside, everything is required and typed. */

interface Setting<T extends z.ZodType> {
  readonly variable: string
  readonly schema: T
  /** For docs/reference/configuration.md. */
  readonly defaultText: string
  readonly about: string
  /** Left out of the documentation: for tests only. */
  readonly internal?: true
}

function setting<T extends z.ZodType>(
  variable: string,
  schema: T,
  defaultText: string,
  about: string,
  internal?: true,
): Setting<T> {
  return { variable, schema, defaultText, about, ...(internal && { internal }) }
}

function parsedBy<T>(parse: (text: string) => T) {
  return (text: string, context: z.core.$RefinementCtx<string>): T => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
      return z.NEVER
    }
  }
}

const text = z.string().min(1)
const optionalText = text.nullable().default(null)
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const list = z
  .string()
  .transform((value) => value.split(/[\s,]+/).filter((part) => part !== ''))
  .default([])

/** Names are not taken: the check is of the address that is really connected to. */
const addressList = list.refine(
  (entries) => entries.every(isAddressOrRange),
  'write IP addresses or CIDR ranges such as 10.0.0.0/8, by commas; names are not taken',
)

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export const SETTINGS = {
  home: setting(
    'PANDA_HOME',
    text.default(() => envPaths('panda', { suffix: '' }).data),
    "the platform's usual data folder, e.g. `~/.local/share/panda`",
    'Folder of everything that the server keeps: database, secret key, first token. The CLI looks there too.',
  ),
  host: setting(
    'PANDA_HOST',
    text.default('127.0.0.1'),
    '`127.0.0.1`',
    'Address to listen on. Anything but a loopback address opens the API to the network: put TLS in front.',
  ),
  port: setting(
    'PANDA_PORT',
    integer(0, 65_535).default(DEFAULT_PORT),
    `\`${DEFAULT_PORT}\``,
    'Port; `0` = a free one.',
  ),
  databaseUrl: setting(
    'DATABASE_URL',
    z
      .string()
      .regex(/^postgres(?:ql)?:\/\//, 'write it as postgres://user:password@host:5432/database')
      .nullable()
      .default(null),
    'the embedded PostgreSQL',
    'PostgreSQL 13 or later of your own. Several servers with the same one share the work. Its role makes the schema `panda_server` at the first start, or must own it.',
  ),
  databasePool: setting('PANDA_DATABASE_POOL', integer(2, 200).default(10), '`10`', 'Connections at most.'),
  databaseWaitMs: setting(
    'PANDA_DATABASE_WAIT',
    z.string().transform(parsedBy(parseDuration)).default(60_000),
    '`1m`',
    'How long a start waits for the database.',
  ),
  runtime: setting(
    'PANDA_RUNTIME',
    z.enum(['auto', 'docker', 'process', 'fake']).default('auto'),
    '`auto`',
    'What runs the work: `docker` (also Podman), `process` (plain processes, no isolation), `fake` (nothing is run; for tests). `auto` takes the first engine that answers, waits for one that was here before or whose socket is there, else `process`.',
  ),
  dockerHost: setting('DOCKER_HOST', optionalText, 'the usual sockets', 'Address of the engine, as for `docker`.'),
  dockerCertPath: setting(
    'DOCKER_CERT_PATH',
    optionalText,
    'no TLS',
    'Folder of `ca.pem`, `cert.pem` and `key.pem` for a `DOCKER_HOST` on tcp.',
  ),
  fakeDir: setting('PANDA_FAKE_DIR', optionalText, 'in memory', 'With `fake`: the folder where its units live.', true),
  maxRuns: setting(
    'PANDA_MAX_RUNS',
    integer(1, 100_000).default(16),
    '`16`',
    'Runs at the same time on this server; further ones wait as `queued`.',
  ),
  logLimitBytes: setting(
    'PANDA_LOG_LIMIT',
    z
      .string()
      .transform(parsedBy(parseSize))
      .default(32 * 1024 * 1024),
    '`32Mi`',
    'Log kept of one run. Of what is beyond, the last 256 KiB are kept and the rest is dropped, with a visible mark. ' +
      'Of an instance of an app: the newest so much is kept, and a line says what was removed.',
  ),
  logLevel: setting(
    'PANDA_LOG_LEVEL',
    z.enum(LOG_LEVELS).default('info'),
    '`info`',
    `One of ${LOG_LEVELS.join(', ')}.`,
  ),
  logFormat: setting(
    'PANDA_LOG_FORMAT',
    z.enum(['auto', 'text', 'json']).default('auto'),
    '`auto`',
    "The server's own log on stderr: `text` for people, `json` (one object per line) for machines; `auto`: text on a terminal.",
  ),
  rateLimit: setting(
    'PANDA_RATE_LIMIT',
    integer(0, 10_000_000).default(6000),
    '`6000`',
    'API calls per minute and token (without one: per address); calls with a wrong token have their own limit of 30 per minute and address. `0` = no limits.',
  ),
  checkAnswers: setting(
    'PANDA_CHECK_ANSWERS',
    z.stringbool().or(z.boolean()).default(false),
    'false',
    'Holds every answer of the API against its schema, as the tests do; a third of the CPU of a long list.',
    true,
  ),
  alertAllow: setting(
    'PANDA_ALERT_ALLOW',
    addressList,
    'none',
    'Private IP addresses or CIDR ranges (no names) that alerts may call, by commas. Public ones are always allowed.',
  ),
  smtpUrl: setting(
    'PANDA_SMTP_URL',
    optionalText,
    'no e-mail',
    'Mail server for alerts: `smtp://user:password@host:587`.',
  ),
  smtpFrom: setting('PANDA_SMTP_FROM', optionalText, '`panda@localhost`', 'Sender of alert mails.'),
  secretKey: setting(
    'PANDA_SECRET_KEY',
    optionalText,
    '`secret.key` in PANDA_HOME',
    'Key that seals secrets: 32 bytes in base64. Servers that share a database must share it.',
  ),
  faultPoint: setting(
    'PANDA_FAULT_POINT',
    z.string().transform(parsedBy(parseFault)).nullable().default(null),
    'none',
    'Kills the server when it reaches this point, `POINT` or `POINT:N` for the n-th time.',
    true,
  ),
} as const

export type Config = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> }

/**
 * The configuration of this process. What the overrides name (flags of `panda server`) wins over the environment; an
 * empty variable counts as unset.
 *
 * @throws StartError `invalid_config` that names every wrong variable
 */
export function readConfig(
  overrides: Partial<Config> = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const read: Record<string, unknown> = {}
  const mistakes: string[] = []
  for (const [key, { variable, schema }] of Object.entries(SETTINGS)) {
    const override = overrides[key as keyof Config]
    if (override !== undefined) {
      read[key] = override
      continue
    }
    const result = schema.safeParse(env[variable] === '' ? undefined : env[variable])
    if (result.success) read[key] = result.data
    else mistakes.push(`${variable}: ${result.error.issues.map((issue) => issue.message).join(', ')}`)
  }
  if (mistakes.length > 0) {
    throw new StartError('invalid_config', mistakes.join('; '), {
      hint: 'The variables are listed in docs/reference/configuration.md.',
    })
  }
  const config = read as Config
  return { ...config, home: resolve(config.home) }
}
