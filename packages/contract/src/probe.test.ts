import { describe, expect, it } from 'vitest'
import { formatHttpProbe, parseHttpProbe } from './probe.ts'
import { appSpecSchema, deployAppSchema } from './schemas/app.ts'

describe('the HTTP probe', () => {
  it.each([
    ['http://:3000/healthz', { port: 3000, path: '/healthz' }],
    [':3000/healthz', { port: 3000, path: '/healthz' }],
    ['http://:1', { port: 1, path: '/' }],
    ['http://:65535/', { port: 65_535, path: '/' }],
    ['http://:80/a%20b?full=1&x="y"', { port: 80, path: '/a%20b?full=1&x="y"' }],
  ])('reads %s', (text, probe) => {
    expect(parseHttpProbe(text)).toEqual(probe)
    expect(parseHttpProbe(formatHttpProbe(probe))).toEqual(probe)
  })

  it.each([
    ['', 'is not a probe'],
    ['/healthz', 'is not a probe'],
    ['3000', 'is not a probe'],
    ['http://localhost:3000/healthz', 'names a host, and a probe asks the instance itself'],
    ['http://10.0.0.5/healthz', 'names a host'],
    ['http://[::1]:3000/', 'names a host'],
    ['https://:3000/healthz', 'is not asked over https: a probe speaks plain HTTP'],
    ['tcp://:3000', 'is not asked over tcp'],
    ['http:///healthz', 'names no port'],
    ['http://', 'names no port'],
    ['http://:0/', 'has no port from 1 to 65535'],
    ['http://:65536/', 'has no port from 1 to 65535'],
    [':99999999', 'has no port from 1 to 65535'],
    ['http://:3000healthz', 'is not a probe'],
    ['http://:3000/a b', 'is not a probe'],
    ['http://:3000/a#b', 'is not a probe'],
    ['http://:3000/a\r\nHost: b', 'is not a probe'],
    ['http://:3000/ä', 'is not a probe'],
    ['http://user@:3000/', 'names a host'],
    [`http://:3000/${'a'.repeat(500)}`, 'is longer than 500 characters'],
  ])('refuses %j and says why and what to write', (text, why) => {
    expect(() => parseHttpProbe(text)).toThrow(RangeError)
    expect(() => parseHttpProbe(text)).toThrow(why)
    expect(() => parseHttpProbe(text)).toThrow('write http://:3000/healthz')
  })
})

describe('the probe of an app', () => {
  it('has one form, and there is none by default', () => {
    expect(appSpecSchema.parse({ image: 'a', probe: { http: ':3000', timeout: '60s' } }).probe).toEqual({
      http: 'http://:3000/',
      interval: '1s',
      timeout: '1m',
    })
    const command = ['pg_isready', '-U', 'app']
    expect(appSpecSchema.parse({ image: 'a', probe: { command } }).probe).toEqual({
      command,
      interval: '1s',
      timeout: '5s',
    })
    expect(appSpecSchema.parse({ image: 'a' }).probe).toBeNull()
    expect(deployAppSchema.parse({ probe: null }).probe).toBeNull()
  })

  it.each([
    [{ http: 'ready.sh' }, 'probe.http', '"ready.sh" is not a probe'],
    [{ http: 3000 }, 'probe.http', 'expected string'],
    [{}, 'probe', 'names nothing to ask: give http'],
    [{ interval: '2s' }, 'probe', 'names nothing to ask'],
    [{ http: ':3000', command: ['true'] }, 'probe', 'names both http and command'],
    [{ command: [] }, 'probe.command', 'must hold at least one word'],
    [{ command: [''] }, 'probe.command', 'the first word names the program'],
    [{ command: ['CMD', 'true'] }, 'probe.command', 'leave "CMD" out'],
    [{ command: ['CMD-SHELL', 'true'] }, 'probe.command', 'for a shell write ["sh", "-c", "…"]'],
    [{ command: 'pg_isready' }, 'probe.command', 'expected array'],
    [{ command: ['a\0b'] }, 'probe.command.0', 'NUL'],
    [{ http: ':3000', interval: '10ms' }, 'probe.interval', 'use 1s to 5m'],
    [{ http: ':3000', interval: '6m' }, 'probe.interval', 'use 1s to 5m'],
    [{ http: ':3000', timeout: '0' }, 'probe.timeout', 'use 1s to 5m'],
    [{ http: ':3000', timeout: 'soon' }, 'probe.timeout', '"soon" is not a duration'],
    [{ http: ':3000', retries: 3 }, 'probe', 'retries'],
    ['http://:3000/healthz', 'probe', 'expected object'],
  ])('refuses %j', (probe, path, message) => {
    const { error } = appSpecSchema.safeParse({ image: 'a', probe })
    expect(error?.issues[0]?.path.join('.')).toBe(path)
    expect(error?.issues[0]?.message).toContain(message)
  })
})
