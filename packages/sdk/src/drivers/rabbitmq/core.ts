import type { Link } from './link.ts'
import type { Locks } from './lock.ts'
import type { Names } from './names.ts'
import type { RabbitSettings } from './options.ts'
import type { Outgoing } from './publisher.ts'
import type { Registry } from './registry.ts'

/** What every part of the driver works with. */
export interface Core {
  readonly link: Link
  readonly names: Names
  readonly settings: RabbitSettings
  readonly locks: Locks
  readonly registry: Registry
  send(messages: readonly Outgoing[], signal?: AbortSignal): Promise<void>
  /** Everything that does not belong to one subscription. Cheap after the first time. */
  ensureShared(signal?: AbortSignal): Promise<void>
}
