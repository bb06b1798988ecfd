import { expect, it } from 'vitest'
import { registryHost } from './registry-host.ts'

it.each([
  ['ghcr.io', 'ghcr.io'],
  ['GHCR.io', 'ghcr.io'],
  ['https://ghcr.io/', 'ghcr.io'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['index.docker.io', 'docker.io'],
  ['Docker.io', 'docker.io'],
  ['http://127.0.0.1:5000', '127.0.0.1:5000'],
  ['example.com/v3', 'example.com/v3'],
])('%s is %s', (written, host) => {
  expect(registryHost(written)).toBe(host)
})
