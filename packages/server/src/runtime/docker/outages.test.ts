import { describe, expect, it } from 'vitest'
import { Outages } from './outages.ts'

describe('Outages', () => {
  it('last from the last sign of life to the next answer', () => {
    const outages = new Outages()
    outages.contact(1000)
    outages.away()
    outages.away()
    expect(outages.newest).toBeNull()
    outages.contact(5000)
    expect(outages.newest).toEqual({ since: new Date(1000), until: new Date(5000) })
  })

  it('begin when an open stream breaks, which was alive until then', () => {
    const outages = new Outages()
    outages.contact(1000)
    outages.away(4000)
    outages.contact(5000)
    expect(outages.newest?.since).toEqual(new Date(4000))
  })

  it('do not begin before the engine was seen at all', () => {
    const outages = new Outages()
    outages.away()
    outages.contact(1000)
    expect(outages.newest).toBeNull()
  })
})
