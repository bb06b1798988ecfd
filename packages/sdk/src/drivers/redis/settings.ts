import type { QueueSettings, Rate } from '../../queue/driver.ts'
import { configureScript } from './lua/settings.ts'
import { Script, type ScriptArgument } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(configureScript)

export async function configure(
  store: Store,
  queue: string,
  settings: Partial<QueueSettings>,
  signal?: AbortSignal,
): Promise<QueueSettings> {
  await store.register(queue)
  return toSettings((await store.run(script, queue, toArguments(settings), signal)) as string[])
}

/** Only what is not the default is stored: a queue without settings of its own costs its workers nothing. */
function toArguments(settings: Partial<QueueSettings>): ScriptArgument[] {
  const args: ScriptArgument[] = []
  const { paused, concurrency, rate, groupConcurrency, groupRate } = settings
  if (paused !== undefined) args.push('paused', paused ? '1' : '')
  if (concurrency !== undefined) args.push('concurrency', concurrency ?? '')
  if (rate !== undefined) args.push('rateLimit', rate?.limit ?? '', 'ratePer', rate?.perMs ?? '')
  if (groupConcurrency !== undefined) args.push('groupConcurrency', groupConcurrency === 1 ? '' : groupConcurrency)
  if (groupRate !== undefined)
    args.push('groupRateLimit', groupRate?.limit ?? '', 'groupRatePer', groupRate?.perMs ?? '')
  return args
}

/** @param pairs field, value, field, value … */
export function toSettings(pairs: readonly string[]): QueueSettings {
  const found = new Map<string, string>()
  for (let index = 0; index < pairs.length; index += 2) found.set(pairs[index] ?? '', pairs[index + 1] ?? '')
  const number = (name: string): number | null => (found.has(name) ? Number(found.get(name)) : null)
  return {
    paused: found.get('paused') === '1',
    concurrency: number('concurrency'),
    rate: rate(number('rateLimit'), number('ratePer')),
    groupConcurrency: number('groupConcurrency') ?? 1,
    groupRate: rate(number('groupRateLimit'), number('groupRatePer')),
  }
}

function rate(limit: number | null, perMs: number | null): Rate | null {
  return limit === null || perMs === null ? null : { limit, perMs }
}
