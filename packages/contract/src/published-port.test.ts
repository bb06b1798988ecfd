import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatPublishedPort, parsePublishedPort, portsOverlap } from './published-port.ts'
import { appSpecSchema } from './schemas/app.ts'

describe('published ports', () => {
  it.each([
    ['8080:3000', { address: '127.0.0.1', hostPort: 8080, containerPort: 3000 }],
    ['127.0.0.1:80:65535', { address: '127.0.0.1', hostPort: 80, containerPort: 65_535 }],
    ['0.0.0.0:8080:3000', { address: '0.0.0.0', hostPort: 8080, containerPort: 3000 }],
    ['192.168.1.255:1:1', { address: '192.168.1.255', hostPort: 1, containerPort: 1 }],
  ])('reads %s', (text, port) => {
    expect(parsePublishedPort(text)).toEqual(port)
  })

  it.each([
    '',
    '8080',
    '0:3000',
    '8080:0',
    '8080:65536',
    '70000:80',
    ':8080:3000',
    'localhost:8080:3000',
    '256.0.0.1:8080:3000',
    '1.2.3:8080:3000',
    '8080:3000/udp',
    '8080-8090:3000',
    ' 8080:3000',
    '8080:3000\n',
    '[::1]:8080:3000',
  ])('refuses "%s" and says what to write', (text) => {
    expect(() => parsePublishedPort(text)).toThrow(RangeError)
    expect(() => parsePublishedPort(text)).toThrow('write 8080:3000')
  })

  it('writes what it reads', () => {
    const part = fc.integer({ min: 0, max: 255 })
    const port = fc.integer({ min: 1, max: 65_535 })
    fc.assert(
      fc.property(fc.tuple(part, part, part, part), port, port, (address, hostPort, containerPort) => {
        const published = { address: address.join('.'), hostPort, containerPort }
        expect(parsePublishedPort(formatPublishedPort(published))).toEqual(published)
      }),
    )
  })

  it.each([
    ['8080:3000', '8080:4000', true],
    ['8080:3000', '8081:3000', false],
    ['0.0.0.0:8080:3000', '8080:3000', true],
    ['8080:3000', '0.0.0.0:8080:1', true],
    ['127.0.0.1:8080:3000', '192.168.0.1:8080:3000', false],
  ])('%s and %s overlap: %s', (one, other, overlap) => {
    expect(portsOverlap(parsePublishedPort(one), parsePublishedPort(other))).toBe(overlap)
  })

  it('have one form in the spec of an app, and none by default', () => {
    expect(appSpecSchema.parse({ image: 'a', port: '8080:3000' }).port).toBe('127.0.0.1:8080:3000')
    expect(appSpecSchema.parse({ image: 'a' }).port).toBeNull()
    const { error } = appSpecSchema.safeParse({ image: 'a', port: '8080' })
    expect(error?.issues[0]?.message).toContain('"8080" is not a port')
  })
})
