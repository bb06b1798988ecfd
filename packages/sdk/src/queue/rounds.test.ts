import { afterEach, describe, expect, test, vi } from 'vitest'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { PandaError } from '../errors.ts'
import { systemClock } from './clock.ts'
import type { Glance } from './glance.ts'
import { Queue } from './queue.ts'
import { Rounds } from './rounds.ts'
import type { Visited } from './rounds.ts'

const NOTHING: Glance = { queued: false, relays: false, schedules: false, maintain: false, againInMs: null }
/** What happens by itself after a timer or an answer has happened by then. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock that stands still until it is told to go on. */
class StillClock {
  time = 1000
  readonly timers = new Set<{ at: number; call: () => void }>()

  now(): number {
    return this.time
  }

  wall(): number {
    return this.time
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call }
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }

  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      await settle()
      const [first] = [...this.timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
      if (first === undefined) break
      this.time = first.at
      this.timers.delete(first)
      first.call()
    }
    this.time = end
    await settle()
  }
}

class Member implements Visited {
  readonly queue: string
  readonly visits: number[] = []
  readonly failures: unknown[] = []
  visit: () => Promise<number | null>

  constructor(queue: string, clock: StillClock, answer: () => Promise<number | null> = () => Promise.resolve(null)) {
    this.queue = queue
    this.visit = () => {
      this.visits.push(clock.time)
      return answer()
    }
  }

  failed(error: unknown): void {
    this.failures.push(error)
  }
}

function world() {
  const clock = new StillClock()
  const looks: { at: number; queues: readonly string[] }[] = []
  const glance = vi.fn((queues: readonly string[]) => {
    looks.push({ at: clock.time, queues })
    return Promise.resolve(new Map(queues.map((queue) => [queue, NOTHING])))
  })
  return { clock, looks, glance, rounds: new Rounds({ glance }, clock) }
}

describe('rounds', () => {
  test('look at all queues with one call and one timer, every three to five seconds', async () => {
    const { clock, looks, rounds } = world()
    const members = Array.from({ length: 50 }, (_, n) => new Member(`q${n}`, clock))
    for (const member of members) rounds.join(member)
    await clock.pass(60_000)
    expect(looks.length).toBeGreaterThanOrEqual(13)
    expect(looks.length).toBeLessThanOrEqual(21)
    for (const { queues } of looks) expect(queues).toHaveLength(50)
    for (const [index, { at }] of looks.entries()) {
      const before = looks[index - 1]
      if (before === undefined) continue
      expect(at - before.at).toBeGreaterThanOrEqual(3000)
      expect(at - before.at).toBeLessThanOrEqual(5000)
    }
    expect(clock.timers.size).toBe(1)
    for (const member of members) expect(member.visits).toEqual(looks.map(({ at }) => at))
  })

  test('look at one queue alone at the time that it names, and at no other then', async () => {
    const { clock, looks, rounds } = world()
    const waits = [700, 1, 0, null]
    const early = new Member('early', clock, () => Promise.resolve(waits.shift() ?? null))
    const other = new Member('other', clock)
    rounds.join(early)
    rounds.join(other)
    await clock.pass(2000)
    expect(looks.map(({ at, queues }) => [at - 1000, queues])).toEqual([
      [0, ['early', 'other']],
      [700, ['early']],
      [701, ['early']],
      [702, ['early']],
    ])
  })

  test('gather the looks that are asked for at once, and ask once more for those that come meanwhile', async () => {
    const { clock, looks, glance, rounds } = world()
    const [a, b] = [new Member('a', clock), new Member('b', clock)]
    rounds.join(a)
    rounds.join(b)
    await settle()
    let answer: (glances: Map<string, Glance>) => void = () => undefined
    glance.mockImplementationOnce((queues) => {
      looks.push({ at: clock.time, queues })
      return new Promise((resolve) => (answer = resolve))
    })
    for (const member of [a, b, a, b]) rounds.look(member)
    await settle()
    rounds.look(b)
    rounds.look(b)
    await settle()
    expect(looks.map(({ queues }) => queues)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
    answer(new Map())
    await settle()
    expect(looks.at(-1)?.queues).toEqual(['b'])
    expect(looks).toHaveLength(3)
    expect(b.visits).toHaveLength(3)
  })

  test('are not held up by a queue that takes its time, and come back to it when it was asked for meanwhile', async () => {
    const { clock, looks, rounds } = world()
    let done: (again: number | null) => void = () => undefined
    const slow = new Member('slow', clock, () => new Promise((resolve) => (done = resolve)))
    const quick = new Member('quick', clock)
    rounds.join(slow)
    rounds.join(quick)
    await clock.pass(12_000)
    expect(slow.visits).toHaveLength(1)
    expect(quick.visits.length).toBeGreaterThanOrEqual(3)
    rounds.look(slow)
    await settle()
    expect(slow.visits).toHaveLength(1)
    done(null)
    await settle()
    expect(slow.visits).toHaveLength(2)
    expect(looks.at(-1)?.queues).toEqual(['slow'])
  })

  test('tell every queue of a look that failed, and look again with the next round', async () => {
    const { clock, glance, rounds } = world()
    const members = [new Member('a', clock), new Member('b', clock)]
    const away = new PandaError('store_away', 'the store is away (test)')
    glance.mockRejectedValueOnce(away)
    for (const member of members) rounds.join(member)
    await settle()
    for (const member of members) expect([member.failures, member.visits]).toEqual([[away], []])
    await clock.pass(5000)
    for (const member of members) expect(member.visits.length).toBeGreaterThanOrEqual(1)
    for (const member of members) expect(member.failures).toHaveLength(1)
  })

  test('forget who has left, also in the middle of a look, and stop with the last', async () => {
    const { clock, glance, rounds } = world()
    const [a, b] = [new Member('a', clock), new Member('b', clock)]
    rounds.join(a)
    rounds.join(b)
    await settle()
    rounds.look(a)
    rounds.look(b)
    await Promise.resolve()
    rounds.leave(b)
    await settle()
    expect([a.visits.length, b.visits.length]).toEqual([2, 1])
    rounds.leave(a)
    expect(clock.timers.size).toBe(0)
    await clock.pass(20_000)
    expect(glance).toHaveBeenCalledTimes(2)
    rounds.join(b)
    await clock.pass(20_000)
    expect(b.visits.length).toBeGreaterThanOrEqual(5)
    expect(a.visits).toHaveLength(2)
  })
})

describe('a process that consumes many queues', () => {
  const opened: Queue<{ n: number }>[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
  })

  const hurried = { ...systemClock, after: (ms: number, call: () => void) => systemClock.after(ms / 100, call) }

  test('asks its store once for all of them, and each for itself only where there is something to do', async () => {
    let now = 1_000_000
    const driver = openMemoryQueueDriver({ store: new MemoryStore(() => now) })
    const glance = vi.spyOn(driver, 'glance')
    const maintain = vi.spyOn(driver, 'maintain')
    const exchange = vi.spyOn(driver, 'exchange')
    const [relays, due] = [vi.spyOn(driver, 'relays'), vi.spyOn(driver, 'dueSchedules')]
    const names = Array.from({ length: 50 }, (_, n) => `many-${n}`)
    for (const name of names) opened.push(new Queue(name, { driver, clock: hurried, lease: '1h', heartbeat: '20m' }))
    await Promise.all(opened.map((queue) => queue.process(() => undefined).started))
    await expect.poll(() => glance.mock.calls.filter(([queues]) => queues.length === 50).length).toBeGreaterThan(3)
    const exchanges = exchange.mock.calls.length
    const looks = glance.mock.calls.length
    await expect.poll(() => glance.mock.calls.length).toBeGreaterThan(looks + 4)
    expect(exchange).toHaveBeenCalledTimes(exchanges)
    for (const call of [maintain, relays, due]) expect(call).not.toHaveBeenCalled()

    // A worker of another process dies on one of the queues.
    const [queue] = opened
    const name = names[0] ?? ''
    await driver.renew({ id: 'lost', about: '{}' }, [name], 1000)
    now += 2000
    await expect.poll(() => maintain.mock.calls.length).toBeGreaterThan(0)
    expect(new Set(maintain.mock.calls.map(([of]) => of))).toEqual(new Set([name]))
    expect((await queue?.stats())?.workers.map(({ id }) => id)).not.toContain('lost')
  })
})
