import type { DeclareSubscription } from '@pandastack/contract'
import { EVENT_ORDERS } from '@pandastack/contract/names'
import { choice, text } from '../command.ts'
import { usageError } from '../errors.ts'
import { readText } from '../values.ts'
import type { EventPort } from './event-port.ts'
import { withNear } from './open-port.ts'

export const TOPOLOGY_ARGS = {
  subscription: { value: 'SUBSCRIPTION', text: 'Only this one' },
  patterns: { value: 'PATTERN', text: 'What it is to get, e.g. user.signed_up "order.*"', many: true },
} as const

export const TOPOLOGY_OPTIONS = {
  order: choice(EVENT_ORDERS, 'none (default) or strict: one event at a time, in order', 'ORDER'),
  file: text('FILE', 'Declarations (YAML): subscriptions: { NAME: { patterns: […], order: none } }', { short: 'f' }),
} as const

export interface TopologyAsked {
  readonly subscription: string | undefined
  readonly patterns: readonly string[]
  readonly order: DeclareSubscription['order'] | undefined
  readonly file: string | undefined
}

/** What is declared: by the arguments, by a file, else what the broker knows of each subscription. @throws CliError */
export async function declared(port: EventPort, asked: TopologyAsked): Promise<DeclareSubscription[]> {
  const { subscription, patterns, order, file } = asked
  if (file !== undefined) {
    if (subscription !== undefined) throw usageError('a file and a subscription exclude each other')
    return fromFile(file)
  }
  const known = (await port.list()).items.map(pick)
  if (subscription === undefined) return known
  const before = known.find(({ name }) => name === subscription)
  if (patterns.length === 0) {
    // There is nothing to make it of: the error names those that are near.
    const { patterns, order: orderBefore } =
      before ?? (await withNear(port, subscription, () => port.get(subscription)))
    return [{ name: subscription, patterns, order: order ?? orderBefore }]
  }
  return [{ name: subscription, patterns: [...patterns], order: order ?? before?.order ?? 'none' }]
}

function pick({ name, patterns, order }: DeclareSubscription): DeclareSubscription {
  return { name, patterns: [...patterns], order }
}

async function fromFile(file: string): Promise<DeclareSubscription[]> {
  const [{ parse }, { declareSubscriptionSchema }] = await Promise.all([import('yaml'), import('@pandastack/contract')])
  const text = await readText(file)
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw usageError(`${file} is not YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
  const subscriptions = typeof value === 'object' && value !== null && 'subscriptions' in value && value.subscriptions
  if (typeof subscriptions !== 'object' || subscriptions === null)
    throw usageError(
      `${file} has no subscriptions`,
      'Write: subscriptions: { email-service: { patterns: [user.signed_up] } }',
    )
  return Object.entries(subscriptions).map(([name, body]) => {
    const result = declareSubscriptionSchema.safeParse({ name, ...(body as object) })
    if (result.success) return result.data
    const issue = result.error.issues[0]
    throw usageError(`${file}: subscription ${name}: ${issue?.path.join('.')} ${issue?.message}`)
  })
}
