import { createCronjobSchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { parse } from '../../parse.ts'
import { command } from './create.ts'
import { parseBackoff, specBody } from './spec-body.ts'
import type { SpecOptions } from './spec-options.ts'

const base = ['job', '--image', 'alpine:3', '--schedule', '@daily']

async function bodyOf(...argv: string[]) {
  const parsed = parse('cronjob create', command, [...base, ...argv])
  if (parsed === null) throw new Error('help was asked for')
  return specBody(parsed.options as unknown as SpecOptions, parsed.words)
}

describe('specBody', () => {
  it('holds nothing that was not named: defaults are the server’s', async () => expect(await bodyOf()).toEqual({}))

  it.each([
    [['--timezone', 'Europe/Berlin'], { timezone: 'Europe/Berlin' }],
    [['--concurrency', 'replace'], { concurrency: 'replace' }],
    [['--missed', 'all', '--missed-limit', '5'], { missed: 'all', missedLimit: 5 }],
    [['--deadline', '5m'], { deadline: '5m' }],
    [['--deadline', 'none', '--timeout', 'none'], { deadline: null, timeout: null }],
    [['--grace', '30s'], { grace: '30s' }],
    [['--retries', '0'], { retry: { attempts: 1 } }],
    [['--retries', '2', '--backoff', '30s'], { retry: { attempts: 3, backoff: { kind: 'fixed', delay: '30s' } } }],
    [['--jitter', '1m'], { jitter: '1m' }],
    [['--memory', '1Gi', '--cpus', '0.5'], { memory: '1Gi', cpus: 0.5 }],
    [['--pull', 'missing', '--keep', '10', '--suspended'], { pull: 'missing', keep: 10, suspended: true }],
    [['--env', 'A=-x', '--env', 'B=1'], { env: { A: '-x', B: '1' } }],
    [['--entrypoint', '["sh","-c"]', '--command', '["date"]'], { entrypoint: ['sh', '-c'], command: ['date'] }],
    [['--entrypoint', '/run', '--', 'a', '--env'], { entrypoint: ['/run'], command: ['a', '--env'] }],
  ])('%j', async (argv, expected) => {
    const body = await bodyOf(...argv)
    expect(body).toEqual(expected)
    expect(createCronjobSchema.safeParse({ name: 'job', image: 'alpine:3', schedule: '@daily', ...body }).success).toBe(
      true,
    )
  })

  it.each([
    [['--command', '["a"]', '--', 'b'], 'given twice'],
    [['--'], 'nothing behind --'],
    [['--cpus', 'two'], '--cpus'],
    [['--cpus', '0'], '--cpus'],
    [['--env', 'A'], 'is not KEY=VALUE'],
  ])('refuses %j', async (argv, message) => {
    await expect(bodyOf(...argv)).rejects.toThrow(message)
  })
})

describe('parseBackoff', () => {
  it.each([
    ['30s', { kind: 'fixed', delay: '30s' }],
    ['fixed:1m', { kind: 'fixed', delay: '1m' }],
    ['exponential:5s', { kind: 'exponential', delay: '5s' }],
    ['exponential:5s..10m', { kind: 'exponential', delay: '5s', max: '10m' }],
  ])('%s', (text, expected) => expect(parseBackoff(text)).toEqual(expected))

  it.each(['', 'fixed:', 'linear:5s', '5s..10m', 'fixed:5s..10m', 'exponential:..10m'])('refuses %j', (text) =>
    expect(() => parseBackoff(text)).toThrow('--backoff'),
  )
})
