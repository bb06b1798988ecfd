/** JSON Schema, draft 2020-12, as far as it is looked at here. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** One event type as it is locked: what its payload looks like on the wire. */
export interface LockedType {
  readonly version: number
  /** Older versions that consumers can still read. */
  readonly upgradesFrom: readonly number[]
  readonly schema: JsonSchema
}
export type Catalog = Readonly<Record<string, LockedType>>

/** What stands in a lock file. */
export interface LockFile {
  readonly lockVersion: 1
  readonly events: Catalog
}

export const LOCK_NAME = 'panda-events.lock.json'

/** Sorted, so that a merge touches only the lines of what has changed. */
export function lockText(events: Catalog): string {
  const sorted = Object.fromEntries(Object.entries(events).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({ lockVersion: 1, events: sorted } satisfies LockFile, null, 2)}\n`
}
