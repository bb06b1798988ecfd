import { expect, it } from 'vitest'
import type { SubscriptionSpec } from '../../events/driver.ts'
import { planChanges } from './plan.ts'

const before: SubscriptionSpec = { name: 'mail', patterns: ['user.*', 'order.placed'], order: 'none' }
const actions = (from: SubscriptionSpec | null, to: SubscriptionSpec) =>
  planChanges(from, to).map(({ action }) => action)

it('makes what is not there, with its patterns, each once', () => {
  expect(actions(null, { ...before, patterns: ['a', 'b', 'a'] })).toEqual(['create', 'bind', 'bind'])
  expect(planChanges(null, { ...before, order: 'strict' })[0]?.what).toContain('strict')
})

it('changes nothing that is as it should be, in whatever order its patterns are named', () => {
  expect(actions(before, before)).toEqual([])
  expect(actions(before, { ...before, patterns: ['order.placed', 'user.*', 'user.*'] })).toEqual([])
})

it('names what is added, what is taken away, and a change of order', () => {
  const wanted: SubscriptionSpec = { name: 'mail', patterns: ['user.*', 'invoice.#'], order: 'strict' }
  expect(planChanges(before, wanted)).toEqual([
    { action: 'migrate', what: 'the order of mail: none → strict; what waits is moved' },
    { action: 'bind', what: '"invoice.#" will be delivered to mail' },
    { action: 'unbind', what: '"order.placed" will no longer be delivered to mail' },
  ])
})
