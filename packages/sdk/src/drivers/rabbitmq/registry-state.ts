import type { Arguments } from './amqp.ts'

/** What AMQP itself cannot be asked: which subscriptions there are, their patterns, what is paused. */
export interface RegistryState {
  readonly revision: number
  readonly subscriptions: Readonly<Record<string, RegisteredSubscription>>
}

export interface RegisteredSubscription {
  readonly patterns: readonly string[]
  readonly order: 'none' | 'strict'
  readonly paused: boolean
  /** Number in the main queue's name: a queue with other arguments is another queue. */
  readonly generation: number
  readonly arguments: Arguments
  /** A former main queue in which events may still wait. */
  readonly leaving: string | null
}

export const emptyRegistry: RegistryState = { revision: 0, subscriptions: {} }

export function encodeRegistry(state: RegistryState): Buffer {
  return Buffer.from(JSON.stringify(state))
}

/** Null for what is not a registry of ours. */
export function decodeRegistry(content: Buffer): RegistryState | null {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'))
    return isState(value) ? value : null
  } catch {
    return null
  }
}

function isState(value: unknown): value is RegistryState {
  return typeof value === 'object' && value !== null && 'revision' in value && 'subscriptions' in value
}

export function withSubscription(
  state: RegistryState,
  name: string,
  entry: RegisteredSubscription | null,
): RegistryState {
  const { [name]: _old, ...others } = state.subscriptions
  const subscriptions = entry === null ? others : { ...others, [name]: entry }
  return { ...state, subscriptions }
}
