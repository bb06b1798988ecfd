import type { QueueFigures } from '@pandastack/sdk/queue'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../clock.ts'
import type { ProjectQueues } from './project-queues.ts'
import { QueueGauges } from './queue-gauges.ts'
import { MAX_PROJECTS, MAX_QUEUES, OWN_PROJECT, QueueReader } from './queue-reader.ts'

/** A clock that the test moves; who sleeps is woken by it. */
class HandClock implements Clock {
  #nowMs = 0
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>()
  now = (): number => this.#nowMs
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.add({ untilMs: this.#nowMs + milliseconds, wake })
      signal?.addEventListener('abort', () => wake())
    })
  }
  pass(milliseconds: number): void {
    this.#nowMs += milliseconds
    for (const { untilMs, wake } of this.#sleepers) if (untilMs <= this.#nowMs) wake()
  }
}

function figures(name: string, queued = 0): QueueFigures {
  return {
    name,
    stats: {
      counts: { scheduled: 0, queued, running: 2, retrying: 0, succeeded: 0, cancelled: 0, dead: 1 },
      totals: { added: 10, succeeded: 5, failed: 3, dead: 1, crashed: 4 },
      oldestQueuedMs: queued === 0 ? null : 2500,
      settings: {
        paused: name === 'paused',
        concurrency: null,
        rate: null,
        groupConcurrency: 1,
        groupRate: null,
      },
      workers: [{ id: 'w', about: '{}', running: 2, leaseEndsInMs: 1000 }],
    },
  }
}

type Answer = { queues: QueueFigures[]; leftOut: number }

let clock: HandClock
let answers: Map<string, () => Promise<Answer>>
let errors: unknown[]
let asked: string[]

/** What `projects` and `use` of ProjectQueues do, with stores that answer as a test says. */
function readerOf(): QueueReader {
  const queues = {
    projects: (limit: number) => {
      asked.push(`projects ${limit}`)
      const all = [...answers.keys()].map((name) => ({ id: name, name }))
      return Promise.resolve({ projects: all.slice(0, limit), more: all.length > limit })
    },
    use: (id: string) => {
      asked.push(id)
      return answers.get(id)?.()
    },
  } as unknown as Pick<ProjectQueues, 'projects' | 'use'>
  const own = { figures: () => Promise.resolve(figures('alerts')) }
  return new QueueReader({ queues, own, clock, onError: (error) => errors.push(error) })
}

const answering =
  (...queues: QueueFigures[]) =>
  () =>
    Promise.resolve({ queues, leftOut: 0 })
const names = (reading: Awaited<ReturnType<QueueReader['read']>>) =>
  reading.stores.map(({ project, up, queues }) => [project, up, queues.length])

beforeEach(() => {
  clock = new HandClock()
  answers = new Map()
  errors = []
  asked = []
})

describe('reading the figures of all queues', () => {
  it('shows the own queue and those of each project', async () => {
    answers.set('shop', answering(figures('mails'), figures('thumbs')))
    expect(names(await readerOf().read(1000))).toEqual([
      [OWN_PROJECT, true, 1],
      ['shop', true, 2],
    ])
  })

  it('asks the stores once, however many scrape, and again after ten seconds', async () => {
    answers.set('shop', answering(figures('mails')))
    const reader = readerOf()
    await Promise.all([reader.read(1000), reader.read(1000), reader.read(1000)])
    await reader.read(1000)
    expect(asked).toEqual([`projects ${MAX_PROJECTS}`, 'shop'])
    clock.pass(10_000)
    await reader.read(1000)
    expect(asked).toHaveLength(4)
  })

  it('says of a store that is away that it is, and shows the others', async () => {
    answers.set('away', () => Promise.reject(new Error('away')))
    answers.set('shop', answering(figures('mails')))
    expect(names(await readerOf().read(1000))).toEqual([
      [OWN_PROJECT, true, 1],
      ['away', false, 0],
      ['shop', true, 1],
    ])
  })

  it('does not wait for a store that says nothing, and shows what it last said for a minute', async () => {
    answers.set('mute', answering(figures('mails')))
    answers.set('shop', answering(figures('thumbs')))
    const reader = readerOf()
    await reader.read(1000)
    answers.set('mute', () => new Promise(() => {}))
    answers.set('shop', answering(figures('thumbs'), figures('zips')))
    clock.pass(10_000)
    const reading = reader.read(1000)
    // Until those that answer have been read, which no clock can tell.
    await new Promise((resolve) => setImmediate(resolve))
    clock.pass(1000)
    expect(names(await reading)).toEqual([
      [OWN_PROJECT, true, 1],
      ['mute', true, 1],
      ['shop', true, 2],
    ])
    const later = reader.read(1000)
    clock.pass(60_000)
    expect(names(await later)).toEqual([])
  })

  it('is not made late by many stores that are away, and asks each of them in turn', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      answers.set(name, () => {
        clock.pass(4000)
        return Promise.reject(new Error('away'))
      })
    }
    answers.set('shop', answering(figures('mails')))
    const reader = readerOf()
    const rounds: string[][] = []
    for (let round = 0; round < 4; round++) {
      await reader.read(1_000_000)
      rounds.push(asked.splice(0).slice(1))
      clock.pass(10_000)
    }
    expect(new Set(rounds.flat().slice(0, 7))).toEqual(new Set(answers.keys()))
    // It answers: it is never behind those that were away.
    expect(rounds.map((names) => names[0])).toEqual(['a', 'd', 'shop', 'shop'])
    for (const names of rounds) expect(names.length).toBeLessThanOrEqual(4)
  })

  it('forgets a project that names no store any more', async () => {
    answers.set('shop', answering(figures('mails')))
    const reader = readerOf()
    await reader.read(1000)
    answers.delete('shop')
    clock.pass(10_000)
    expect(names(await reader.read(1000))).toEqual([[OWN_PROJECT, true, 1]])
  })

  it('shows a bounded number of queues, and counts the others', async () => {
    for (let p = 0; p < 8; p++) {
      const hundred = Array.from({ length: 100 }, (_, q) => figures(`q${q}`))
      answers.set(`p${p}`, () => Promise.resolve({ queues: hundred, leftOut: 7 }))
    }
    const { stores, leftOut } = await readerOf().read(1000)
    expect(stores.reduce((sum, { queues }) => sum + queues.length, 0)).toBe(MAX_QUEUES)
    expect(leftOut).toBe(8 * 100 + 1 - MAX_QUEUES + 8 * 7)
  })

  it('survives a database that is away', async () => {
    const reader = new QueueReader({
      queues: { projects: () => Promise.reject(new Error('away')) } as unknown as ProjectQueues,
      own: { figures: () => Promise.reject(new Error('away')) },
      clock,
      onError: (error) => errors.push(error),
    })
    expect(await reader.read(1000)).toEqual({ stores: [], leftOut: 0 })
    expect(errors).toHaveLength(1)
  })
})

describe('the gauges', () => {
  it('show counts, totals, age, workers and pause, and forget what is gone', async () => {
    const registry = new Registry()
    const gauges = new QueueGauges(registry)
    const store = { project: 'shop', up: true, leftOut: 0, readAtMs: 0 }
    gauges.set({ stores: [{ ...store, queues: [figures('mails', 3), figures('paused')] }], leftOut: 4 })
    gauges.set({ stores: [{ ...store, queues: [figures('mails', 3), figures('paused')] }], leftOut: 4 })
    const text = await registry.metrics()
    for (const line of [
      'panda_queue_store_up{project="shop"} 1',
      'panda_queue_left_out 4',
      'panda_queue_jobs{project="shop",queue="mails",state="queued"} 3',
      'panda_queue_jobs{project="shop",queue="mails",state="dead"} 1',
      'panda_queue_oldest_seconds{project="shop",queue="mails"} 2.5',
      'panda_queue_oldest_seconds{project="shop",queue="paused"} 0',
      'panda_queue_workers{project="shop",queue="mails"} 1',
      'panda_queue_paused{project="shop",queue="mails"} 0',
      'panda_queue_paused{project="shop",queue="paused"} 1',
      'panda_queue_added_total{project="shop",queue="mails"} 10',
      'panda_queue_succeeded_total{project="shop",queue="mails"} 5',
      'panda_queue_failed_total{project="shop",queue="mails"} 3',
      'panda_queue_dead_total{project="shop",queue="mails"} 1',
      'panda_queue_crashed_total{project="shop",queue="mails"} 4',
    ])
      expect(text.split('\n')).toContain(line)
    gauges.set({ stores: [{ ...store, up: false, queues: [] }], leftOut: 0 })
    const after = await registry.metrics()
    expect(after).toContain('panda_queue_store_up{project="shop"} 0')
    expect(after).not.toContain('queue="mails"')
  })
})
