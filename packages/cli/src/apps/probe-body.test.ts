import { describe, expect, it } from 'vitest'
import { probeBody } from './probe-body.ts'

const NONE = { probe: undefined, probeCommand: undefined, probeInterval: undefined, probeTimeout: undefined }

describe('the flags of a probe', () => {
  it.each([
    [{}, undefined],
    [{ probe: 'none' }, null],
    [{ probe: ':3000/healthz' }, { http: ':3000/healthz' }],
    [
      { probe: ':3000', probeInterval: '2s', probeTimeout: '10s' },
      { http: ':3000', interval: '2s', timeout: '10s' },
    ],
    [{ probeCommand: 'pg_isready' }, { command: ['pg_isready'] }],
    [{ probeCommand: '["sh","-c","test -f /tmp/up"]' }, { command: ['sh', '-c', 'test -f /tmp/up'] }],
    [
      { probeCommand: 'check', probeTimeout: '1m' },
      { command: ['check'], timeout: '1m' },
    ],
  ])('%j is %j', (flags, body) => {
    expect(probeBody({ ...NONE, ...flags })).toEqual(body)
  })

  it.each([
    [{ probe: ':3000', probeCommand: 'check' }, 'both given'],
    [{ probeInterval: '2s' }, 'none is given'],
    [{ probe: 'none', probeTimeout: '2s' }, 'none is given'],
    [{ probeCommand: 'pg_isready -U app' }, 'no shell takes it apart'],
    [{ probeCommand: '[]' }, 'is not a JSON array of words'],
    [{ probeCommand: '["a", 1]' }, 'is not a JSON array of words'],
  ])('%j is refused', (flags, message) => {
    expect(() => probeBody({ ...NONE, ...flags })).toThrow(message)
  })
})
