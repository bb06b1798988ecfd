import { v7 } from 'uuid'

export type IdPrefix = 'prj' | 'tok' | 'cj' | 'run' | 'sec' | 'alt' | 'dlv' | 'srv' | 'inc' | 'ins'

/** `run_0192f…`: a UUID version 7 without dashes, so ids of one process sort by the time they were made. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${v7().replaceAll('-', '')}`
}
