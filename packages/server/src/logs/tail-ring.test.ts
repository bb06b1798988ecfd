import { describe, expect, it } from 'vitest'
import type { AssembledLine } from './line-assembler.ts'
import { TailRing } from './tail-ring.ts'

function line(text: string): AssembledLine {
  return { stream: 'stdout', timeMs: 0, text, after: null }
}

describe('TailRing', () => {
  it('keeps the newest lines within its bytes and tells what falls out, oldest first', () => {
    const ring = new TailRing(40)
    const dropped: string[] = []
    for (let index = 0; index < 1000; index += 1) {
      ring.push(line(`line ${String(index).padStart(4, '0')}`), (one, bytes) => {
        expect(bytes).toBe(10)
        dropped.push(one.text)
      })
    }
    expect(ring.length).toBe(4)
    expect(dropped).toHaveLength(996)
    expect(dropped).toEqual([...dropped].sort())
    expect(ring.drain().map((one) => one.text)).toEqual(['line 0996', 'line 0997', 'line 0998', 'line 0999'])
    expect(ring.drain()).toEqual([])
  })

  it('keeps one line that is larger than itself', () => {
    const ring = new TailRing(5)
    const dropped: string[] = []
    ring.push(line('first'), (one) => dropped.push(one.text))
    ring.push(line('a long line'), (one) => dropped.push(one.text))
    expect(dropped).toEqual(['first'])
    expect(ring.drain()).toHaveLength(1)
  })
})
