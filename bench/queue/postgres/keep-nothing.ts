import type { KeepPolicy } from '../../../packages/sdk/src/queue/driver.ts'

const NOTHING = { count: 0, ageMs: 0 }
export const KEEP_NOTHING: KeepPolicy = {
  succeeded: NOTHING,
  cancelled: NOTHING,
  dead: { count: 1000, ageMs: 86_400_000 },
}
