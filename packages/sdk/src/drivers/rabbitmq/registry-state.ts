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
  const value = decode(content)
  return isState(value) ? value : null
}

/** An event of a subscription that somebody has looked at and left in its place. */
export interface Peek {
  readonly subscription: string
  readonly id: string
}

export function encodePeek(peek: Peek): Buffer {
  return Buffer.from(JSON.stringify(peek))
}

/** Null for what is none. */
export function decodePeek(content: Buffer): Peek | null {
  const value = decode(content)
  return isPeek(value) ? value : null
}

function decode(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8')) as unknown
  } catch {
    return null
  }
}

function isPeek(value: unknown): value is Peek {
  return typeof value === 'object' && value !== null && 'subscription' in value && 'id' in value
}

function isState(value: unknown): value is RegistryState {
  return typeof value === 'object' && value !== null && 'revision' in value && 'subscriptions' in value
}

/** Undefined for names that any object knows, such as `constructor`, as for all that are not there. */
export function registered(state: RegistryState, name: string): RegisteredSubscription | undefined {
  return Object.hasOwn(state.subscriptions, name) ? state.subscriptions[name] : undefined
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
