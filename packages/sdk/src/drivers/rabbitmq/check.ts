import type { BrokerProblem } from '../../events/driver.ts'
import { PandaError } from '../../errors.ts'
import type { Core } from './core.ts'
import type { Link } from './link.ts'

const oldest = [3, 10] as const

/** @throws PandaError unsupported_version when the broker is older than 3.10 */
export async function check(core: Core, signal?: AbortSignal): Promise<readonly BrokerProblem[]> {
  await core.link.ready(signal)
  const { address } = core.link
  assertVersion(core.link)
  await core.ensureShared(signal)
  const problems: BrokerProblem[] = []
  if (core.link.blocked)
    problems.push({
      setting: 'memory or disk alarm',
      message: `${address.label} takes no events: its memory or disk is short. Free some, or raise vm_memory_high_watermark or lower disk_free_limit.`,
    })
  return problems
}

/** Of a link that is up. @throws PandaError unsupported_version */
export function assertVersion({ version, address }: Pick<Link, 'version' | 'address'>): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new PandaError('unsupported_version', `${address.label} is RabbitMQ ${version}.`, {
      hint: 'Use RabbitMQ 3.10 or newer: older ones cannot hand dead letters on without loss.',
    })
}
