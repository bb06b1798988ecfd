import type { Situation } from './stage.ts'

/** A mistake of a user, and what `panda` answers. `{name}` in texts is filled in from the stage. */
export interface Mistake {
  readonly what: string
  readonly words: readonly string[]
  readonly situation?: Situation
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  readonly exit: number
  readonly code: string
  /** Part of what happened. */
  readonly says: string
  /** Part of what to do next. */
  readonly hint: string
}
