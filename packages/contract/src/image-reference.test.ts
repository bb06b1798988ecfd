import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatImageReference, parseImageReference } from './image-reference.ts'

const DIGEST = `sha256:${'ab'.repeat(32)}`

describe('parseImageReference', () => {
  it.each([
    ['redis', 'docker.io', 'library/redis', 'latest', null],
    ['redis:7', 'docker.io', 'library/redis', '7', null],
    ['your-org/mailer:latest', 'docker.io', 'your-org/mailer', 'latest', null],
    ['ghcr.io/a/b/c', 'ghcr.io', 'a/b/c', 'latest', null],
    ['localhost/x:1', 'localhost', 'x', '1', null],
    ['localhost:5000/x', 'localhost:5000', 'x', 'latest', null],
    ['127.0.0.1:5000/team/app:v1.2', '127.0.0.1:5000', 'team/app', 'v1.2', null],
    ['[::1]:5000/x:1', '[::1]:5000', 'x', '1', null],
    [`redis@${DIGEST}`, 'docker.io', 'library/redis', null, DIGEST],
    [`ghcr.io/a/b:1@${DIGEST}`, 'ghcr.io', 'a/b', '1', DIGEST],
    ['index.docker.io/a/b', 'docker.io', 'a/b', 'latest', null],
    ['docker.io/redis', 'docker.io', 'library/redis', 'latest', null],
    ['a__b/c--d.e', 'docker.io', 'a__b/c--d.e', 'latest', null],
  ])('reads %s', (text, registry, repository, tag, digest) => {
    expect(parseImageReference(text)).toEqual({ registry, repository, tag, digest })
  })

  it.each([
    ['', 'empty'],
    ['-rf', 'repository part'],
    ['--privileged', 'repository part'],
    ['Redis', 'repository part'],
    ['your-org/Mailer', 'repository part'],
    ['redis:', 'tag'],
    ['redis:-x', 'tag'],
    ['redis:a b', 'tag'],
    ['redis; rm -rf /', 'repository part'],
    ['redis\n', 'repository part'],
    ['a//b', 'repository part'],
    ['/a', 'repository part'],
    ['a/', 'repository part'],
    ['redis@sha256:zz', 'digest'],
    ['redis@', 'digest'],
    ['https://ghcr.io/a/b', 'registry'],
    ['exa_mple.com/a', 'registry'],
    ['a___b', 'repository part'],
    [`a/${'b'.repeat(300)}`, 'longer than 255'],
    ['a'.repeat(600), 'longer than 512'],
  ])('refuses %j: %s', (text, reason) => {
    expect(() => parseImageReference(text)).toThrow(RangeError)
    expect(() => parseImageReference(text)).toThrow(reason)
  })

  it('never throws anything but RangeError, and what it accepts is stable and harmless', () => {
    const piece = fc.constantFrom(
      'a',
      'B',
      '0',
      '-',
      '_',
      '__',
      '.',
      '/',
      ':',
      '@',
      'sha256',
      DIGEST,
      'localhost',
      ' ',
      '\n',
      '$(x)',
      '[',
      ']',
      '::1',
    )
    const text = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(text, (input) => {
        try {
          const full = formatImageReference(parseImageReference(input))
          expect(parseImageReference(full)).toEqual(parseImageReference(input))
          expect(input).not.toMatch(/^-|\s|[^\x20-\x7e]/)
        } catch (error) {
          if (!(error instanceof RangeError)) throw error
        }
      }),
      { numRuns: 20_000 },
    )
  })
})
