import { expect } from 'vitest'
import type { ChildOutcome } from '../flow-driver.ts'
import type { NewJob } from '../driver.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, KEEP, addJob, countsOf, newJob, recordOf, stateOf } from './jobs-contract.ts'
import { Hand, died, succeeded } from './worker-contract.ts'

interface Flow {
  readonly parent: NewJob
  readonly children: readonly NewJob[]
  readonly childQueue: string
}

/** A parent that waits for so many children in another queue, which have been added already. */
async function flow(t: QueueContext, count: number, change: Partial<NewJob> = {}): Promise<Flow> {
  const childQueue = t.queueNamed('children')
  const bare = newJob(change)
  const link = { queue: t.queue, id: bare.id }
  const children = Array.from({ length: count }, () => newJob({ parent: link }))
  const parent = { ...bare, children: children.map((job) => ({ queue: childQueue, job })) }
  await t.driver.add(t.queue, [parent])
  await t.driver.add(childQueue, children)
  return { parent, children, childQueue }
}

function outcome(flow: Flow, index: number, change: Partial<ChildOutcome> = {}): ChildOutcome {
  const childId = flow.children[index]?.id ?? ''
  return { queue: flow.childQueue, childId, state: 'succeeded', value: String(index), ...change }
}

export const flowTests: QueueTests = {
  'lets a parent wait, and keeps its children as messages until they are carried over': async (t) => {
    const { parent, children, childQueue } = await flow(t, 3)
    expect(await recordOf(t.driver, t.queue, parent.id)).toMatchObject({ state: 'scheduled', waitsFor: 3, runAt: null })
    const hand = await Hand.hire(t)
    expect(await hand.claim(5)).toEqual([])
    const messages = await t.other.relays(t.queue, 10)
    expect(messages.map((message) => message.kind === 'add' && message.child)).toEqual(
      children.map((job) => ({ queue: childQueue, job })),
    )
    expect(await t.driver.relays(t.queue, 2)).toEqual(messages.slice(0, 2))
    const crossed = messages.slice(0, 2).map((message) => message.id)
    await t.driver.relayed(t.queue, crossed)
    await t.driver.relayed(t.queue, crossed)
    expect(await t.driver.relays(t.queue, 10)).toEqual(messages.slice(2))
    expect(await t.driver.change(t.queue, [parent.id], { kind: 'promote' })).toEqual(['wrong-state'])
  },

  'carries no child twice when the parent is added twice': async (t) => {
    const { parent } = await flow(t, 2)
    await t.driver.add(t.queue, [parent])
    expect(await t.driver.relays(t.queue, 10)).toHaveLength(2)
  },

  'keeps a message for the parent when a child has ended, in every way': async (t) => {
    const { parent, children, childQueue } = await flow(t, 4)
    const hand = await Hand.hire(t, { queue: childQueue })
    const [one, two] = await hand.claim(2)
    if (one === undefined || two === undefined) throw new Error('two jobs were expected')
    const none = { count: 0, ageMs: 0 }
    const keep = { succeeded: none, cancelled: none, dead: none }
    await hand.exchange({ results: [succeeded(one, '{"one":1}'), died(two)], keep })
    await t.driver.change(childQueue, [children[2]?.id ?? ''], { kind: 'cancel', reason: 'so', keep: KEEP })
    await t.driver.change(childQueue, [children[3]?.id ?? ''], { kind: 'remove' })
    const messages = await t.other.relays(childQueue, 10)
    const told = { kind: 'child-ended', parentQueue: t.queue, parentId: parent.id }
    expect(messages).toMatchObject([
      { ...told, outcome: { queue: childQueue, childId: children[0]?.id, state: 'succeeded', value: '{"one":1}' } },
      { ...told, outcome: { queue: childQueue, childId: children[1]?.id, state: 'dead', value: null } },
      { ...told, outcome: { queue: childQueue, childId: children[2]?.id, state: 'cancelled', value: null } },
      { ...told, outcome: { queue: childQueue, childId: children[3]?.id, state: 'cancelled', value: null } },
    ])
    expect(new Set(messages.map((message) => message.id)).size).toBe(4)
  },

  'keeps a message for the parent when a child died of crashes': async (t) => {
    const { childQueue } = await flow(t, 1)
    for (let crashes = 0; crashes < 3; crashes += 1) {
      const lost = await Hand.hire(t, { queue: childQueue })
      await lost.claimOne()
      await lost.crash()
    }
    expect(await t.driver.relays(childQueue, 10)).toMatchObject([{ kind: 'child-ended', outcome: { state: 'dead' } }])
  },

  'queues the parent with its last child, whatever is told twice': async (t) => {
    const made = await flow(t, 2)
    const { parent } = made
    await t.driver.childEnded(t.queue, parent.id, outcome(made, 1), false)
    await t.other.childEnded(t.queue, parent.id, outcome(made, 1), false)
    expect(await recordOf(t.driver, t.queue, parent.id)).toMatchObject({ state: 'scheduled', waitsFor: 1 })
    await t.driver.childEnded(t.queue, parent.id, outcome(made, 0), false)
    expect(await recordOf(t.driver, t.queue, parent.id)).toMatchObject({ state: 'queued', waitsFor: 0 })
    await t.driver.childEnded(t.queue, parent.id, outcome(made, 0), false)
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(5)).toEqual([parent.id])
    expect(await t.driver.children(t.queue, parent.id)).toEqual([outcome(made, 1), outcome(made, 0)])
  },

  'queues the parent once when its last children end at the same time': async (t) => {
    const made = await flow(t, 10)
    const drivers = [t.driver, t.other]
    const tell = (index: number) =>
      drivers[index % 2]?.childEnded(t.queue, made.parent.id, outcome(made, index % 10), false)
    await Promise.all(Array.from({ length: 20 }, (_, index) => tell(index)))
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 1 })
    const hand = await Hand.hire(t)
    expect(await hand.claim(5)).toHaveLength(1)
  },

  'makes the parent dead with a child that did not succeed, and tells its own parent': async (t) => {
    const grand = { queue: t.queueNamed('grand'), id: newJob().id }
    for (const state of ['dead', 'cancelled'] as const) {
      const made = await flow(t, 2, { parent: grand })
      await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 0, { state, value: null }), false)
      expect(await recordOf(t.driver, t.queue, made.parent.id)).toMatchObject({ state: 'dead', reason: 'child' })
      await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 1), false)
      expect(await stateOf(t.driver, t.queue, made.parent.id)).toBe('dead')
      const told = (await t.driver.relays(t.queue, 100)).filter((message) => message.kind === 'child-ended')
      expect(told).toMatchObject([{ parentQueue: grand.queue, outcome: { childId: made.parent.id, state: 'dead' } }])
      await t.driver.relayed(
        t.queue,
        told.map((message) => message.id),
      )
    }
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ dead: 2, failed: 0 })
  },

  'lets a tolerant parent run in spite of it': async (t) => {
    const made = await flow(t, 2)
    await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 0, { state: 'dead', value: null }), true)
    expect(await recordOf(t.driver, t.queue, made.parent.id)).toMatchObject({ state: 'scheduled', waitsFor: 1 })
    await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 1), true)
    expect(await stateOf(t.driver, t.queue, made.parent.id)).toBe('queued')
    expect((await t.driver.children(t.queue, made.parent.id)).map((child) => child.state)).toEqual([
      'dead',
      'succeeded',
    ])
  },

  'lets a delayed parent wait for its time too': async (t) => {
    const late = await flow(t, 1, { delayMs: HOUR })
    const passed = await flow(t, 1, { delayMs: 20 })
    await t.advance(50)
    const hand = await Hand.hire(t)
    expect(await hand.claim(5)).toEqual([])
    for (const made of [late, passed]) await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 0), false)
    expect(await recordOf(t.driver, t.queue, late.parent.id)).toMatchObject({ state: 'scheduled', waitsFor: 0 })
    expect(await hand.claimIds(5)).toEqual([passed.parent.id])
    expect(await t.driver.change(t.queue, [late.parent.id], { kind: 'promote' })).toEqual(['done'])
    expect(await hand.claimIds(5)).toEqual([late.parent.id])
  },

  'leaves a parent alone that was cancelled or removed meanwhile': async (t) => {
    const [cancelled, removed] = [await flow(t, 1), await flow(t, 1)]
    await t.driver.change(t.queue, [cancelled.parent.id], { kind: 'cancel', reason: 'so', keep: KEEP })
    await t.driver.change(t.queue, [removed.parent.id], { kind: 'remove' })
    for (const made of [cancelled, removed]) await t.driver.childEnded(t.queue, made.parent.id, outcome(made, 0), false)
    expect(await countsOf(t.driver, t.queue)).toEqual({ cancelled: 1 })
    expect(await t.driver.children(t.queue, removed.parent.id)).toEqual([])
  },

  'keeps no message for jobs without relations': async (t) => {
    await addJob(t)
    const hand = await Hand.hire(t)
    await hand.succeed(await hand.claimOne())
    expect(await t.driver.relays(t.queue, 10)).toEqual([])
  },
}
