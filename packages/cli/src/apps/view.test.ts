import { expect, it } from 'vitest'
import { machinePort, probeWords } from './view.ts'

it.each([
  ['127.0.0.1:8080:3000', '127.0.0.1:8080'],
  ['0.0.0.0:80:65535', '0.0.0.0:80'],
])('tells of %s where it is reached', (port, reached) => {
  expect(machinePort(port)).toBe(reached)
})

it('tells what a probe asks, and how often', () => {
  const probe = { http: 'http://:3000/healthz', interval: '1s', timeout: '5s' }
  expect(probeWords(probe)).toBe('http://:3000/healthz, every 1s, each within 5s')
})
