import { describe, expect, test } from 'vitest'
import { readClaim, type Answer } from './claim.ts'
import { VALUE_END } from './lua/exchange.ts'

const AT = '1795550000000'
const never = () => Promise.reject(new Error('nothing is to be fetched'))

function answer(ids: readonly string[], values: readonly string[] | null, histories: (string | null)[] = []): Answer {
  return [1, -1, [], 'fence', ids.join('\n'), values === null ? null : values.join(VALUE_END), histories]
}

describe('what an exchange claimed', () => {
  test('ids and stored jobs are put together in their order', async () => {
    const { exchanged, size } = await readClaim(answer(['a', 'b'], [`${AT}-{"n":1}`, `${AT}-{"n":"ü€"}`]), never)
    expect(exchanged.jobs.map(({ id, body }) => [id, body])).toEqual([
      ['a', '{"n":1}'],
      ['b', '{"n":"ü€"}'],
    ])
    expect(exchanged.jobs[0]).toMatchObject({ fence: 'fence', addedAt: Number(AT), failures: 0, crashes: 0 })
    expect(size).toBe(22.5)
  })

  test('nothing claimed is no job, not one with an empty id', async () => {
    const { exchanged, size } = await readClaim([1, 250, ['x'], 'fence', '', '', []], never)
    expect(exchanged).toEqual({ jobs: [], refused: ['x'], againInMs: 250, leased: true })
    expect(size).toBe(0)
  })

  test('a job that is no longer stored is left out, and the next keeps its own history', async () => {
    const histories = [null, JSON.stringify({ f: 2, c: 1 })]
    const { exchanged } = await readClaim(answer(['gone', 'here'], ['', `${AT}-{}`], histories), never)
    expect(exchanged.jobs).toMatchObject([{ id: 'here', failures: 2, crashes: 1 }])
  })

  test('values that did not come along are fetched by their ids', async () => {
    const asked: string[][] = []
    const { exchanged } = await readClaim(answer(['a', 'b', 'c'], null), (ids) => {
      asked.push([...ids])
      return Promise.resolve([Buffer.from(`${AT}-1`), null, Buffer.from(`${AT}+[5,"g",null,null,"{}"]\n"ü€"`)])
    })
    expect(asked).toEqual([['a', 'b', 'c']])
    expect(exchanged.jobs.map(({ id, body }) => [id, body])).toEqual([
      ['a', '1'],
      ['c', '"ü€"'],
    ])
    expect(
      exchanged.jobs.map(({ addedAt, priority, group, settings }) => [addedAt, priority, group, settings]),
    ).toEqual([
      [Number(AT), 0, null, ''],
      [Number(AT), 5, 'g', '{}'],
    ])
  })

  test('a stored job that somebody else has put the separator in does not mix up the others', async () => {
    const odd = [`${AT}-"a${VALUE_END}b"`, `${AT}-2`]
    const { exchanged } = await readClaim(answer(['a', 'b'], odd), () =>
      Promise.resolve(odd.map((one) => Buffer.from(one))),
    )
    expect(exchanged.jobs.map(({ body }) => body)).toEqual([`"a${VALUE_END}b"`, '2'])
  })

  test('a large job keeps its own history and may be read more than once', async () => {
    const body = '{"text":"ä€"}'
    const [, again, refused, fence, ids] = answer(['a'], null)
    const history = JSON.stringify({ f: 1, c: 2 })
    const { exchanged } = await readClaim([1, again, refused, fence, ids, null, [history]], () =>
      Promise.resolve([Buffer.from(`${AT}-${body}`)]),
    )
    const [job] = exchanged.jobs
    expect([job?.body, job?.body, job?.failures, job?.crashes, job?.fence]).toEqual([body, body, 1, 2, 'fence'])
  })

  test('a fetch that fails fails the claim, so that it is asked for again', async () => {
    await expect(readClaim(answer(['a'], null), never)).rejects.toThrow('nothing is to be fetched')
  })
})
