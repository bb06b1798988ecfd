import { expect } from 'vitest'
import type { EventDriver, LoggedEvent, LogPosition } from '../driver.ts'
import { DONE, HOUR, drained, expectCode, newEvent, newEvents, numbersOf, range, spec } from './events-contract.ts'
import type { EventCase, EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const answer = () => DONE

type Log = Pick<Required<EventDriver>, 'readLog' | 'replay'>

/** Null, and looked at, when the driver keeps no log. */
function logOf(driver: EventDriver): Log | null {
  const readLog = driver.readLog?.bind(driver)
  const replay = driver.replay?.bind(driver)
  const { log } = driver.capabilities
  expect([readLog !== undefined, replay !== undefined]).toEqual([log, log])
  return readLog === undefined || replay === undefined ? null : { readLog, replay }
}

async function read(driver: EventDriver, from: LogPosition, patterns = ['#']): Promise<readonly LoggedEvent[]> {
  const all: LoggedEvent[] = []
  for await (const logged of logOf(driver)?.readLog({ from, patterns, follow: false }) ?? []) all.push(logged)
  return all
}

const numbers = (logged: readonly LoggedEvent[]) => numbersOf(logged.map(({ event }) => ({ raw: event.data })))

function logTest(test: (t: EventCase, log: Log) => Promise<void>) {
  return async (t: EventCase): Promise<void> => {
    const log = logOf(t.driver)
    if (log !== null) await test(t, log)
  }
}

export const logTests: EventTests = {
  'is read in order, from its beginning or an offset, whether anybody was subscribed or not': logTest(async (t) => {
    await t.driver.apply(spec('a', ['a.x']))
    const events = [...newEvents('a.x', 30), ...newEvents('a.y', 30, { key: 'k' }, 30)]
    await t.driver.publish(events)
    const all = await read(t.other, { offset: 0 })
    expect(all.map(({ event }) => event)).toEqual(events)
    const offsets = all.map(({ offset }) => offset)
    expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b))
    expect(numbers(await read(t.driver, { offset: offsets[40] ?? 0 }))).toEqual(range(20, 40))
    expect(numbers(await read(t.driver, { offset: 0 }, ['a.y']))).toEqual(range(30, 30))
    expect(await read(t.driver, { offset: (offsets.at(-1) ?? 0) + 1 })).toEqual([])
  }),

  'is read from a time': logTest(async (t) => {
    const at = (ms: number) => ({ time: new Date(t.store.now() + ms).toISOString() })
    await t.driver.publish(newEvents('a', 20, at(-10_000)))
    await t.driver.publish(newEvents('a', 20, at(0), 20))
    expect(numbers(await read(t.driver, { time: t.store.now() - 5_000 }))).toEqual(range(20, 20))
    expect(await read(t.driver, { time: t.store.now() + HOUR })).toEqual([])
  }),

  'is followed until the reader gives up': logTest(async (t, log) => {
    await t.driver.publish(newEvents('a', 1))
    const stop = new AbortController()
    const reader = log.readLog({ from: { offset: 0 }, patterns: ['a', 'c'], follow: true }, stop.signal)
    const entries = reader[Symbol.asyncIterator]()
    const next = async () => ((await entries.next()) as IteratorYieldResult<LoggedEvent>).value.event.type
    expect(await next()).toBe('a')
    const waiting = next()
    await t.other.publish([newEvent('b'), newEvent('c')])
    expect(await waiting).toBe('c')
    const last = entries.next()
    stop.abort(new Error('given up'))
    await expect(last).rejects.toThrow('given up')
  }),

  'is replayed to one subscription alone, as far as it asks for it': logTest(async (t, log) => {
    await t.driver.apply(spec('other', ['a.#']))
    await t.driver.publish([...newEvents('a.x', 30), ...newEvents('a.y', 5, {}, 30)])
    await t.driver.apply(spec('late', ['a.x']))
    const taker = await Taker.start(t.other, 'late', { answer })
    const [, from] = await read(t.driver, { offset: 0 })
    expect(await log.replay('late', { offset: from?.offset ?? 0 })).toBe(29)
    const all = await taker.take(29)
    expect(numbersOf(all)).toEqual(range(29, 1))
    for (const { attempt, crashes, firstFailedAt } of all)
      expect({ attempt, crashes, firstFailedAt }).toEqual({ attempt: 1, crashes: 0, firstFailedAt: null })
    await drained(t.driver, 'late')
    expect((await t.driver.stats('other')).waiting).toBe(35)
    expect(await read(t.driver, { offset: 0 })).toHaveLength(35)
    await expectCode(log.replay('nobody', { offset: 0 }), 'no_subscription')
  }),
}
