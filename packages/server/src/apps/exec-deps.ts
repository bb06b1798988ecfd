import type { Clock } from '../clock.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'

export interface ExecDeps {
  readonly driver: Pick<RuntimeDriver, 'name' | 'capabilities' | 'exec'>
  /** Of the engine that this server has. */
  readonly engineId: () => string
  readonly clock: Clock
}
