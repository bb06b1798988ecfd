import type { Clock } from '../clock.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'

export interface UsageDeps {
  readonly driver: Pick<RuntimeDriver, 'usage'>
  /** Of the engine that this server has. */
  readonly engineId: () => string
  readonly clock: Clock
}
