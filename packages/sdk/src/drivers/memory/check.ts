import type { StoreProblem } from '../../queue/driver.ts'

export const MEMORY_PROBLEMS: readonly StoreProblem[] = [
  {
    setting: 'memory',
    message:
      'Jobs are kept in the memory of this process: its end loses all of them, and no other process sees them. Use redis:// or postgres:// for what must not get lost.',
  },
]
