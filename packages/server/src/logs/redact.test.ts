import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogChunk } from '../runtime/driver.ts'
import { createRedactor, REDACTED, type Redactor } from './redact.ts'
import { secretForms } from './secret-forms.ts'

function chunk(text: string, endOfLine = true, stream: LogChunk['stream'] = 'stdout'): LogChunk {
  return { stream, time: new Date(0), text, endOfLine, cursor: '' }
}

function line(redactor: Redactor, ...parts: string[]): string {
  return parts.map((part, index) => redactor.redact(chunk(part, index === parts.length - 1)).text).join('')
}

describe('createRedactor', () => {
  it('replaces values and leaves the rest', () => {
    const redactor = createRedactor(['hunter2-password', 'tok_123456'])
    expect(line(redactor, 'login hunter2-password ok')).toBe(`login ${REDACTED} ok`)
    expect(line(redactor, 'hunter2-passwordtok_123456')).toBe(REDACTED + REDACTED)
    expect(line(redactor, 'hunter2-passwor tok_12345')).toBe('hunter2-passwor tok_12345')
    expect(line(redactor, '')).toBe('')
  })

  it('finds a value in parts, at every border', () => {
    const text = 'a hunter2-password b'
    for (let first = 0; first <= text.length; first += 1) {
      for (let second = first; second <= text.length; second += 1) {
        const redactor = createRedactor(['hunter2-password'])
        expect(line(redactor, text.slice(0, first), text.slice(first, second), text.slice(second))).toBe(
          `a ${REDACTED} b`,
        )
      }
    }
  })

  it('keeps the streams apart', () => {
    const redactor = createRedactor(['hunter2-password'])
    const first = redactor.redact(chunk('hunter2-', false, 'stdout')).text
    expect(redactor.redact(chunk('password', true, 'stderr')).text).toBe('password')
    expect(first + redactor.redact(chunk('password', true, 'stdout')).text).toBe(REDACTED)
  })

  it('does not join lines', () => {
    const redactor = createRedactor(['hunter2-password'])
    expect(line(redactor, 'hunter2-')).toBe('hunter2-')
    expect(line(redactor, 'password')).toBe('password')
  })

  it.each([
    ['base64', (value: string) => Buffer.from(value).toString('base64')],
    ['base64 inside a text', (value: string) => Buffer.from(`user:${value}@host`).toString('base64')],
    ['base64 one further', (value: string) => Buffer.from(`users:${value}@host`).toString('base64')],
    ['base64 two further', (value: string) => Buffer.from(`a:${value}`).toString('base64')],
    ['base64url', (value: string) => Buffer.from(value).toString('base64url')],
    ['URL-encoded', (value: string) => encodeURIComponent(value)],
    ['form-encoded', (value: string) => encodeURIComponent(value).replaceAll('%20', '+')],
    ['lower-case escapes', (value: string) => encodeURIComponent(value).replaceAll(/%../g, (c) => c.toLowerCase())],
    ['JSON', (value: string) => JSON.stringify({ value })],
  ])('finds %s', (_, encode) => {
    const value = 'pä "ss"/w?rd~>>> \u{1F43C}\\x'
    const text = encode(value)
    const redacted = line(createRedactor([value]), `x ${text} y`)
    expect(redacted).toContain(REDACTED)
    // At most a few characters at the edges, which hold bits of the neighbours too, are left.
    for (let at = 0; at + 8 <= text.length; at += 1) {
      const part = text.slice(at, at + 8)
      if (redacted.includes(part)) expect(Buffer.from(part, 'base64').toString()).not.toContain('ss')
    }
  })

  it('takes each long line of a secret of several lines', () => {
    const redactor = createRedactor(['-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n-----END KEY-----\n'])
    expect(line(redactor, 'x MIIEvQIBADANBg y')).toBe(`x ${REDACTED} y`)
    expect(line(redactor, 'ab')).toBe('ab')
  })

  it('takes a value with a line end as its line', () => {
    expect(line(createRedactor(['secret-from-file\n']), 'got secret-from-file')).toBe(`got ${REDACTED}`)
  })

  it('leaves values under 6 characters', () => {
    expect(line(createRedactor(['12345', '']), '12345')).toBe('12345')
    expect(line(createRedactor([]), 'anything')).toBe('anything')
  })

  it('replaces overlapping secrets as one', () => {
    expect(line(createRedactor(['abcdefgh', 'efghijkl']), 'xabcdefghijklx')).toBe(`x${REDACTED}x`)
    expect(line(createRedactor(['aaaaaa']), `${'a'.repeat(50)}b`)).toBe(`${REDACTED}b`)
  })

  it('finds a very long value in pieces', () => {
    const value = Array.from({ length: 2000 }, (_, index) => index.toString(36)).join('')
    const redacted = line(createRedactor([value]), `<${value.slice(0, 3000)}`, `${value.slice(3000)}>`)
    expect(redacted.replaceAll(REDACTED, '')).toBe('<>')
  })

  it('gives what it held back of an unfinished line', () => {
    const redactor = createRedactor(['hunter2-password'])
    const text = redactor.redact(chunk('x hunter2-', false)).text
    expect(text + redactor.rest('stdout')).toBe('x hunter2-')
    redactor.redact(chunk('hunter2-', false))
    redactor.reset()
    expect(redactor.rest('stdout')).toBe('')
  })
})

// No character of the mark, so that the mark itself can never complete a secret.
const secret = fc.string({ unit: fc.constantFrom(...'XYZ019é/+= "'.split('')), minLength: 6, maxLength: 14 })

describe('any split of a text', () => {
  const text = fc
    .tuple(fc.array(secret, { minLength: 1, maxLength: 6 }), fc.infiniteStream(fc.nat(5)), fc.nat(12))
    .chain(([secrets]) =>
      fc.record({
        secrets: fc.constant(secrets),
        parts: fc.array(
          fc.oneof(
            fc.constantFrom(...secrets),
            fc.string({ unit: fc.constantFrom(...'XYZ01 é"'.split('')), maxLength: 9 }),
          ),
          {
            maxLength: 12,
          },
        ),
        cuts: fc.array(fc.nat(200), { maxLength: 8 }),
      }),
    )

  it('gives what the whole gives, without a secret', () => {
    fc.assert(
      fc.property(text, ({ secrets, parts, cuts }) => {
        const whole = parts.join('')
        const borders = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length]
        const pieces = borders.slice(1).map((border, index) => whole.slice(borders[index], border))
        const expected = line(createRedactor(secrets), whole)
        expect(line(createRedactor(secrets), ...pieces)).toBe(expected)
        for (const form of secretForms(secrets)) expect(expected).not.toContain(form)
      }),
      { numRuns: 3000 },
    )
  })

  it('changes nothing where no secret is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'abcdef ghi'.split('')), maxLength: 200 }),
        fc.nat(200),
        (whole, cut) => {
          expect(line(createRedactor(['QQQQQQ', 'abcQdef']), whole.slice(0, cut), whole.slice(cut))).toBe(whole)
        },
      ),
    )
  })
})

describe('speed', () => {
  it('takes 100 MB with 100 secrets in seconds', () => {
    const secrets = Array.from({ length: 100 }, (_, index) =>
      Buffer.from(`secret value ${index * 7919}`).toString('hex'),
    )
    const redactor = createRedactor(secrets)
    const text = `2026-01-01T00:00:00Z INFO handled request id=4711 path=/v1/runs status=200 in 12 ms by worker 7`
    const rounds = Math.ceil(100e6 / text.length)
    const chunks = Array.from({ length: 100 }, (_, index) => chunk(index === 50 ? `${text} ${secrets[index]}` : text))
    const began = performance.now()
    let hits = 0
    for (let index = 0; index < rounds; index += 1) {
      const input = chunks[index % 100]
      if (input && redactor.redact(input) !== input) hits += 1
    }
    const tookMs = performance.now() - began
    console.info(
      `redaction with 100 secrets (${secretForms(secrets).length} patterns): ${Math.round(100_000 / tookMs)} MB/s`,
    )
    expect(hits).toBe(Math.floor((rounds - 51) / 100) + 1)
    expect(tookMs).toBeLessThan(20_000)
  })
})
