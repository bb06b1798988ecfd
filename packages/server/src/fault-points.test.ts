import { afterEach, expect, it, vi } from 'vitest'
import { armFaultPoint, parseFault, reach } from './fault-points.ts'

afterEach(() => vi.restoreAllMocks())

it('is a point, and how often it is to be reached', () => {
  expect(parseFault('unit-running')).toEqual({ point: 'unit-running', nth: 1 })
  expect(parseFault('app-planned:12')).toEqual({ point: 'app-planned', nth: 12 })
  for (const text of ['', 'nowhere', 'unit-running:0', 'unit-running:x', 'unit-running:1:2', 'unit-running:']) {
    expect(() => parseFault(text)).toThrow(`"${text}" is not POINT or POINT:N`)
  }
})

it('kills at the n-th time and at that point only', () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true)
  armFaultPoint({ point: 'unit-running', nth: 2 })
  reach('unit-running')
  reach('unit-exited')
  expect(kill).not.toHaveBeenCalled()
  reach('unit-running')
  expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']])
})
