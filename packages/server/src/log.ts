import { type DestinationStream, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

export type Log = Logger

/** Wherever one of these turns up in a logged object, its value is not written. */
const REDACTED = ['authorization', 'token', 'value', 'password', 'secretKey', 'signingSecret', 'databaseUrl', 'smtpUrl']
const paths = REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * The server's own log, on stderr: words for people on a terminal, one JSON object per line otherwise. Written
 * synchronously, so that the last lines before a crash are there.
 *
 * @param destination for tests; default stderr
 */
export function createLog(config: Pick<Config, 'logLevel' | 'logFormat'>, destination?: DestinationStream): Log {
  const options = { level: config.logLevel, redact: { paths, censor: '[hidden]' }, base: null }
  const people = config.logFormat === 'text' || (config.logFormat === 'auto' && process.stderr.isTTY)
  if (!people) {
    const json = { ...options, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } }
    return pino(json, destination ?? pino.destination({ dest: 2, sync: true }))
  }
  const stream = pretty({
    colorize: process.stderr.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    destination: destination ?? 2,
    sync: true,
  })
  return pino(options, stream)
}

function levelName(label: string): { level: string } {
  return { level: label }
}
