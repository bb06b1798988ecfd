import type { QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { PandaError } from '../../packages/sdk/src/errors.ts'
import { seededRandom } from '../chaos/seeded-random.ts'

export interface Unreliability {
  /** Share of the calls that fail in each of the three ways, 0 to 1/3. */
  readonly rate: number
  readonly seed: number
}

/** How often a call failed so. */
export interface Faults {
  /** Nothing was done. */
  before: number
  /** It was carried out, and its answer got lost. */
  after: number
  /** It failed, and was carried out a moment later nevertheless, as by a server that was frozen. */
  late: number
}

const LATE_MS = 30
/** Signals have no answer that could get lost, and the store's check is asked once. */
const RELIABLE = new Set(['check', 'listen', 'close', 'keeperPlan'])

/**
 * A driver that answers `store_away` now and then, before or after it did what it was asked for. Leases are renewed through
 * it as well.
 * @returns settled: resolves once nothing late is under way
 */
export function unreliable(
  driver: QueueDriver,
  { rate, seed }: Unreliability,
): { driver: QueueDriver; faults: Faults; settled: () => Promise<void> } {
  const random = seededRandom(seed)
  const faults: Faults = { before: 0, after: 0, late: 0 }
  const late = new Set<Promise<unknown>>()

  const faulty = (name: string, method: (...args: unknown[]) => Promise<unknown>) => {
    return async (...args: unknown[]): Promise<unknown> => {
      const fate = random()
      const away = new PandaError('store_away', `${name} has failed by chance`)
      if (fate < rate) {
        faults.before += 1
        throw away
      }
      if (fate < 2 * rate) {
        faults.late += 1
        const done = carriedOutLate(() => method(...args))
        late.add(done)
        throw away
      }
      const answer = await method(...args)
      if (fate >= 3 * rate) return answer
      faults.after += 1
      throw away
    }
  }
  const wrapped = new Proxy(driver, {
    get(target, name: keyof QueueDriver) {
      const member = target[name]
      if (name === 'keeperPlan') return () => null
      if (typeof member !== 'function') return member
      const method = (member as (...args: unknown[]) => Promise<unknown>).bind(target)
      return RELIABLE.has(name) ? method : faulty(name, method)
    },
  })
  return { driver: wrapped, faults, settled: async () => void (await Promise.all(late)) }
}

/** Its own failure is nobody's any more, as the caller was told of one already; one that is not of the store is shown. */
async function carriedOutLate(call: () => Promise<unknown>): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, LATE_MS)
  })
  try {
    await call()
  } catch (error) {
    if (!(error instanceof PandaError)) throw error
  }
}
