import { afterEach, expect, test, vi } from 'vitest'
import { onShutdown } from './shutdown.ts'

afterEach(() => vi.restoreAllMocks())

const listeners = () => [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]

test('listens only as long as somebody wants to be closed', () => {
  const before = listeners()
  const ends = [onShutdown(async () => undefined), onShutdown(async () => undefined)]
  expect(listeners()).toEqual(before.map((count) => count + 1))
  for (const end of ends) end()
  expect(listeners()).toEqual(before)
})

test('closes all, then ends by the same signal', async () => {
  const others = process.listeners('SIGTERM')
  process.removeAllListeners('SIGTERM')
  const killed = new Promise((resolve) => {
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      resolve([pid, signal])
      return true
    })
  })
  const closed: string[] = []
  onShutdown(async () => void closed.push('a'))
  onShutdown(async () => void closed.push('b'))
  process.emit('SIGTERM', 'SIGTERM')
  expect(await killed).toEqual([process.pid, 'SIGTERM'])
  expect(closed).toEqual(['a', 'b'])
  expect(process.listenerCount('SIGTERM')).toBe(0)
  for (const listener of others) process.on('SIGTERM', listener)
})
