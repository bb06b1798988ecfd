import { expect, it } from 'vitest'
import { machinePort, probeWords } from './view.ts'

it.each([
  ['127.0.0.1:8080:3000', '127.0.0.1:8080'],
  ['0.0.0.0:80:65535', '0.0.0.0:80'],
])('tells of %s where it is reached', (port, reached) => {
  expect(machinePort(port)).toBe(reached)
})

it('tells what a probe asks, and how often', () => {
  const times = { interval: '1s', timeout: '5s' }
  expect(probeWords({ http: 'http://:3000/healthz', ...times })).toBe('http://:3000/healthz, every 1s, each within 5s')
  expect(probeWords({ command: ['sh', '-c', 'a b'], ...times })).toBe('["sh","-c","a b"], every 1s, each within 5s')
})
