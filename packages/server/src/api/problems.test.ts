import { describe, expect, it } from 'vitest'
import { nameFullDisk, toPandaError } from './problems.ts'

const WORDS = 'could not extend file "base/1/2": No space left on device'
const noRoom = Object.assign(new Error(WORDS), { code: '53100' })
const gone = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

describe('a database without room', () => {
  it('is told apart from one that is away, in its own words', () => {
    expect(toPandaError(new Error('claim', { cause: noRoom }))).toMatchObject({ code: 'database_full', status: 503 })
    expect(toPandaError(noRoom)?.message).toContain(WORDS)
    expect(toPandaError(gone)).toMatchObject({ code: 'database_away' })
  })

  it('is the reason of its being away when that is known', async () => {
    const trouble = (): Promise<string> => Promise.resolve('the disk is full')
    const named = await nameFullDisk(gone, trouble)
    expect(named).toMatchObject({ code: 'database_full', message: 'The database is away: the disk is full.' })
    expect(await nameFullDisk(gone, () => Promise.resolve(null))).toBe(gone)
    const bug = new Error('a bug')
    expect(await nameFullDisk(bug, trouble)).toBe(bug)
  })
})
