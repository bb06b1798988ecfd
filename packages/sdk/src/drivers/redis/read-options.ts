import { PandaError } from '../../errors.ts'
import type { RedisQueueOptions, RedisSettings } from './options.ts'

/** @throws PandaError invalid_url, invalid_option */
export function readOptions(options: RedisQueueOptions): RedisSettings {
  const url = parse(options.url.replace(/^valkey(s?):/, 'redis$1:'))
  const isRedis = url?.protocol === 'redis:' || url?.protocol === 'rediss:'
  if (url === null || !isRedis || url.hostname === '') {
    throw new PandaError('invalid_url', 'The URL of the queue is not one of a Redis server.', {
      hint: 'Use redis://[user:password@]host[:port][/database] (or valkey://), or rediss:// (valkeys://) for TLS.',
    })
  }
  if (!/^(\/\d*)?$/.test(url.pathname)) {
    throw new PandaError('invalid_url', `The URL of the queue on ${url.host} has "${url.pathname}" for its database.`, {
      hint: 'The database of a Redis URL is a number: redis://host:6379/0.',
    })
  }
  const prefix = options.prefix ?? 'panda'
  if (!/^[\w.:-]{1,64}$/.test(prefix)) {
    throw new PandaError('invalid_option', `prefix is ${JSON.stringify(prefix)}.`, {
      hint: 'Use 1 to 64 letters, digits, "-", "_", "." or ":".',
    })
  }
  return {
    url: url.href,
    prefix,
    patienceMs: positive('patienceMs', options.patienceMs ?? 10_000),
    stallMs: positive('stallMs', options.stallMs ?? 2000),
  }
}

/** Host and port, without the password: for messages. */
export function hostOf(url: string): string {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port === '' ? '6379' : port}`
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new PandaError('invalid_option', `${name} is ${value}.`, { hint: 'Use a number of milliseconds above 0.' })
}

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null
}
