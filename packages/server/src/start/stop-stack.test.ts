import { describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { StopStack } from './stop-stack.ts'

describe('StopStack', () => {
  it('stops in reverse order, goes on after a failure, and does it once', async () => {
    const lines: string[] = []
    const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (line: string) => lines.push(line) })
    const stops = new StopStack(log)
    const order: string[] = []
    stops.push('first', async () => void order.push('first'))
    stops.push('broken', () => Promise.reject(new Error('does not want to')))
    stops.push('last', async () => void order.push('last'))
    await Promise.all([stops.stop(), stops.stop()])
    expect(order).toEqual(['last', 'first'])
    expect(lines.join('')).toMatch(/"part":"broken".*did not stop properly/)
  })
})
