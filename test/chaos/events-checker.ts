/** One line of a publisher's file: it was told that the event is safe. */
export interface Acknowledged {
  readonly id: string
  readonly n: number
}

/** One row that a handler wrote in its transaction. */
export interface Effect {
  readonly subscription: string
  readonly event: string
  readonly n: number
}

export interface Dead {
  readonly subscription: string
  readonly id: string
  readonly n: number
}

export interface EventsHistory {
  readonly subscriptions: readonly string[]
  readonly acknowledged: readonly Acknowledged[]
  readonly effects: readonly Effect[]
  readonly dead: readonly Dead[]
  readonly isPoison: (n: number) => boolean
}

export type EventsRule =
  | 'lost'
  | 'doubled'
  | 'poison-missing'
  | 'innocent-dead'
  | 'poison-effect'
  | 'mixed-up'
  | 'told-twice'

export interface EventsVerdict {
  readonly violations: readonly { readonly rule: EventsRule; readonly detail: string }[]
  readonly figures: Readonly<Record<string, number>>
}

/**
 * Counts by what publishers were told, what handlers have written and what lies in the dead letters; nothing of the SDK is
 * asked. An event that no publisher was told of (it died before) may be there or not, but not twice.
 */
export function checkEvents(history: EventsHistory): EventsVerdict {
  const { subscriptions, acknowledged, effects, dead, isPoison } = history
  const violations: { rule: EventsRule; detail: string }[] = []
  const fail = (rule: EventsRule, detail: string): void => void violations.push({ rule, detail })
  const numbers = new Map<string, number>()
  for (const { id, n } of acknowledged) {
    if (numbers.has(id)) fail('told-twice', id)
    numbers.set(id, n)
  }
  const handled = new Set<string>()
  for (const { subscription, event, n } of effects) {
    const key = `${subscription} ${event}`
    if (handled.has(key)) fail('doubled', `${key} (${n})`)
    handled.add(key)
    if (isPoison(n)) fail('poison-effect', `${key} (${n})`)
    const told = numbers.get(event)
    if (told !== undefined && told !== n) fail('mixed-up', `${key} has ${n} instead of ${told}`)
  }
  const buried = new Set(dead.map(({ subscription, id }) => `${subscription} ${id}`))
  for (const { subscription, id, n } of dead) if (!isPoison(n)) fail('innocent-dead', `${subscription} ${id} (${n})`)
  for (const { id, n } of acknowledged) {
    for (const subscription of subscriptions) {
      const key = `${subscription} ${id}`
      if (isPoison(n) && !buried.has(key)) fail('poison-missing', `${key} (${n})`)
      if (!isPoison(n) && !handled.has(key)) fail('lost', `${key} (${n})`)
    }
  }
  return { violations, figures: figuresOf(history, numbers, violations) }
}

function figuresOf(
  { effects, dead, acknowledged, isPoison, subscriptions }: EventsHistory,
  numbers: ReadonlyMap<string, number>,
  violations: readonly { readonly rule: EventsRule }[],
): Readonly<Record<string, number>> {
  const count = (rule: EventsRule) => violations.filter((one) => one.rule === rule).length
  const poison = acknowledged.filter(({ n }) => isPoison(n)).length
  return {
    acknowledged: acknowledged.length,
    effects: effects.length,
    lost: count('lost'),
    doubled: count('doubled'),
    deadLetters: dead.length,
    poisonExpected: poison * subscriptions.length,
    poisonMissing: count('poison-missing'),
    innocentDead: count('innocent-dead'),
    // Published by a process that was killed before it was told, or before it could write that down.
    effectsOfUntold: effects.filter(({ event }) => !numbers.has(event)).length,
    deadOfUntold: dead.filter(({ id }) => !numbers.has(id)).length,
  }
}
