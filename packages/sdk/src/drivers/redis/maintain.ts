import type { KeepPolicy, Maintained } from '../../queue/driver.ts'
import { keepArgument } from './exchange.ts'
import { maintainScript } from './lua/maintain.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(maintainScript)

export async function maintain(
  store: Store,
  queue: string,
  keep: KeepPolicy,
  signal?: AbortSignal,
): Promise<Maintained> {
  const [recovered, dead, again] = (await store.run(script, queue, [keepArgument(keep)], signal)) as [
    number,
    number,
    number,
  ]
  return { recovered, dead, againInMs: again < 0 ? null : again }
}
