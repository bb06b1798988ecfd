import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { formatEndpoint, parseDockerHost } from './endpoint.ts'

describe('parseDockerHost', () => {
  it.each([
    ['unix:///run/docker.sock', { kind: 'unix', path: '/run/docker.sock' }],
    ['tcp://engine.example:2375', { kind: 'tcp', host: 'engine.example', port: 2375, tls: null }],
    ['tcp://10.0.0.1', { kind: 'tcp', host: '10.0.0.1', port: 2375, tls: null }],
    ['tcp://[::1]:99/', { kind: 'tcp', host: '[::1]', port: 99, tls: null }],
  ])('reads %s', (text, endpoint) => {
    const parsed = parseDockerHost(text, null)
    expect(parsed).toEqual(endpoint)
    expect(parseDockerHost(formatEndpoint(parsed), null)).toEqual(parsed)
  })

  it.each([
    '',
    'docker',
    'unix://relative',
    'ssh://host',
    'npipe:////./pipe/docker',
    'tcp://',
    'tcp://h:x',
    'tcp://h/p',
  ])('refuses "%s"', (text) => {
    expect(() => parseDockerHost(text, null)).toThrow(RangeError)
  })

  it('reads the certificates, and then takes the port for TLS', async () => {
    await using dir = await tempDir('certs')
    for (const name of ['ca', 'cert', 'key']) await writeFile(join(dir.path, `${name}.pem`), name)
    const parsed = parseDockerHost('tcp://engine', dir.path)
    expect(parsed).toMatchObject({ port: 2376, tls: { ca: Buffer.from('ca'), key: Buffer.from('key') } })
    expect(() => parseDockerHost('tcp://engine', join(dir.path, 'none'))).toThrow('ENOENT')
  })
})
