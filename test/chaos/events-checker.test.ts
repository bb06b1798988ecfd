import { expect, it } from 'vitest'
import { checkEvents, type EventsHistory, type EventsRule } from './events-checker.ts'

/** The checker finds what is planted, and nothing else. */

const subscriptions = ['a', 'b']
const isPoison = (n: number) => n === 3
const acknowledged = [
  { id: 'e1', n: 1 },
  { id: 'e2', n: 2 },
  { id: 'e3', n: 3 },
]
const clean: EventsHistory = {
  subscriptions,
  isPoison,
  acknowledged,
  effects: subscriptions.flatMap((subscription) => [1, 2].map((n) => ({ subscription, event: `e${n}`, n }))),
  dead: subscriptions.map((subscription) => ({ subscription, id: 'e3', n: 3 })),
}

function rules(change: Partial<EventsHistory>): EventsRule[] {
  return checkEvents({ ...clean, ...change }).violations.map(({ rule }) => rule)
}

it('finds nothing in a history without fault, in which one event was never told of', () => {
  const untold = { subscription: 'a', event: 'e9', n: 2 }
  const { violations, figures } = checkEvents({ ...clean, effects: [...clean.effects, untold] })
  expect(violations).toEqual([])
  expect(figures).toMatchObject({ acknowledged: 3, effects: 5, lost: 0, doubled: 0, poisonExpected: 2 })
  expect(figures).toMatchObject({ deadLetters: 2, effectsOfUntold: 1, deadOfUntold: 0 })
})

it.each<[string, Partial<EventsHistory>, EventsRule[]]>([
  ['an effect that is missing in one subscription', { effects: clean.effects.slice(1) }, ['lost']],
  ['an effect that is there twice', { effects: [...clean.effects, ...clean.effects.slice(0, 1)] }, ['doubled']],
  [
    'one that is there twice and was never told of',
    { effects: [...clean.effects, ...[1, 2].map(() => ({ subscription: 'a', event: 'e9', n: 2 }))] },
    ['doubled'],
  ],
  ['poison that is no dead letter', { dead: clean.dead.slice(1) }, ['poison-missing']],
  ['an innocent dead letter', { dead: [...clean.dead, { subscription: 'b', id: 'e1', n: 1 }] }, ['innocent-dead']],
  ['an effect of poison', { effects: [...clean.effects, { subscription: 'a', event: 'e3', n: 3 }] }, ['poison-effect']],
  [
    'the payload of another event',
    { effects: [...clean.effects.slice(1), { subscription: 'a', event: 'e1', n: 2 }] },
    ['mixed-up'],
  ],
  ['an id that was given twice', { acknowledged: [...acknowledged, { id: 'e1', n: 1 }] }, ['told-twice']],
])('finds %s', (_, change, expected) => {
  expect(rules(change)).toEqual(expected)
})

it('finds an event that nobody has at all, once per subscription', () => {
  expect(rules({ acknowledged: [...acknowledged, { id: 'e4', n: 4 }] })).toEqual(['lost', 'lost'])
})
