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
    return pino(json, destination ?? standardError())
  }
  const stream = pretty({
    colorize: process.stderr.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    destination: destination ?? standardError(),
    sync: true,
  })
  return pino(options, stream)
}

/** Lines that cannot be written now are kept up to this, characters; what comes then is left out. */
const KEPT = 1024 * 1024

/**
 * Standard error may be a file on a disk that is full. That must not end the server: the lines are written when there is
 * room again.
 */
function standardError(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: true, maxLength: KEPT })
  // Nobody is left to tell it to: this is where it would be told.
  stream.on('error', () => undefined)
  return stream
}

function levelName(label: string): { level: string } {
  return { level: label }
}
