import type { Maintained } from '../../queue/driver.ts'
import { maintainScript } from './lua/maintain.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(maintainScript)

export async function maintain(store: Store, queue: string, signal?: AbortSignal): Promise<Maintained> {
  const [recovered, dead, again] = (await store.run(script, queue, [], signal)) as [number, number, number]
  return { recovered, dead, againInMs: again < 0 ? null : again }
}
