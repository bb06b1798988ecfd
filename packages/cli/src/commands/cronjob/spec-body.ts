import type { CronjobSpecInput } from '@pandastack/contract'
import { usageError } from '../../errors.ts'
import { orNone, parsePairs, parseWords, readEnvFiles } from '../../values.ts'
import type { SpecOptions } from './spec-options.ts'

export type SpecBody = Partial<CronjobSpecInput>
type Retry = NonNullable<CronjobSpecInput['retry']>
type Backoff = NonNullable<Retry['backoff']>

/** The fields that were named and nothing else: defaults are the server's, an update leaves the rest alone. */
export async function specBody(options: SpecOptions, words: readonly string[] | null): Promise<SpecBody> {
  const env = { ...(await readEnvFiles(options.envFile)), ...parsePairs(options.env) }
  const retry = retryBody(options)
  return {
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...commandBody(options, words),
    ...(retry === undefined ? {} : { retry }),
    ...(options.timezone === undefined ? {} : { timezone: options.timezone }),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.missed === undefined ? {} : { missed: options.missed }),
    ...(options.missedLimit === undefined ? {} : { missedLimit: options.missedLimit }),
    ...(options.deadline === undefined ? {} : { deadline: orNone(options.deadline) }),
    ...(options.timeout === undefined ? {} : { timeout: orNone(options.timeout) }),
    ...(options.grace === undefined ? {} : { grace: options.grace }),
    ...(options.jitter === undefined ? {} : { jitter: options.jitter }),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.cpus === undefined ? {} : { cpus: parseCpus(options.cpus) }),
    ...(options.pull === undefined ? {} : { pull: options.pull }),
    ...(options.keep === undefined ? {} : { keep: options.keep }),
    ...(options.suspended ? { suspended: true } : {}),
  }
}

/** Entry point and command, also for one run. */
export function commandBody(
  options: { readonly entrypoint: string | undefined; readonly command: string | undefined },
  words: readonly string[] | null,
): { entrypoint?: string[]; command?: string[] } {
  if (options.command !== undefined && words !== null) {
    throw usageError('the command is given twice: by --command and behind --', 'Give one of them.')
  }
  if (words !== null && words.length === 0) throw usageError('there is nothing behind --')
  const command = options.command === undefined ? words : parseWords(options.command, '--command')
  return {
    ...(options.entrypoint === undefined ? {} : { entrypoint: parseWords(options.entrypoint, '--entrypoint') }),
    ...(command === null ? {} : { command: [...command] }),
  }
}

function retryBody(options: SpecOptions): Retry | undefined {
  if (options.retries === undefined && options.backoff === undefined) return undefined
  return {
    ...(options.retries === undefined ? {} : { attempts: options.retries + 1 }),
    ...(options.backoff === undefined ? {} : { backoff: parseBackoff(options.backoff) }),
  }
}

/** `30s` and `fixed:30s`: always that long. `exponential:5s..10m`: twice as long each time, up to the second value. */
export function parseBackoff(text: string): Backoff {
  const match = /^(?:(fixed|exponential):)?(\w+)(?:\.\.(\w+))?$/.exec(text)
  const [, kind = 'fixed', delay, max] = match ?? []
  if (delay === undefined || (kind === 'fixed' && max !== undefined)) {
    throw usageError(`--backoff: "${text}" is not valid`, 'Write 30s, fixed:30s or exponential:5s..10m.')
  }
  if (kind === 'fixed') return { kind: 'fixed', delay }
  return { kind: 'exponential', delay, ...(max === undefined ? {} : { max }) }
}

export function parseCpus(text: string): number {
  const cpus = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (!(cpus > 0)) throw usageError(`--cpus: "${text}" is not a number`, 'Write 0.5 or 2.')
  return cpus
}
