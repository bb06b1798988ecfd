import type { Travel } from './message.ts'
import { untravelled } from './message.ts'

/** What strict order remembers of the event that its key waits for: it stays in its queue, whose messages cannot be changed. */
export interface StrictEntry {
  readonly id: string
  readonly travel: Travel
}
export type StrictState = Map<string, StrictEntry>

export function encodeStrict(state: StrictState): Buffer {
  return Buffer.from(JSON.stringify([...state]))
}

export function decodeStrict(content: Buffer): StrictState {
  const state: StrictState = new Map()
  const value: unknown = JSON.parse(content.toString('utf8'))
  if (!Array.isArray(value)) return state
  for (const pair of value as [string, StrictEntry][])
    state.set(pair[0], { id: pair[1].id, travel: { ...untravelled, ...pair[1].travel } })
  return state
}
