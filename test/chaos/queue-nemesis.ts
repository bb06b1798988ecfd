import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { ChaosStore } from './queue-stores.ts'
import type { QueueWorkers } from './queue-workers.ts'
import type { Random } from './seeded-random.ts'

export interface FaultPlan {
  /** Workers killed and replaced. */
  readonly kills: number
  readonly storeKills: number
  /** Of the network between the store and everybody, the producer included. */
  readonly cuts: number
  /** Workers stopped for longer than their lease. */
  readonly stops: number
  /** The faults begin within this time. */
  readonly spanMs: number
}

type FaultKind = 'kill' | 'storeKill' | 'cut' | 'stop'

export interface Fault {
  readonly kind: FaultKind
  readonly atMs: number
  /** 0 to 1: which worker, of those there are then. */
  readonly whom: number
  /** How long the store is away. */
  readonly awayMs: number
}

const AWAY_MIN_MS = 300
const AWAY_MAX_MS = 3000

/** When and in which order, by the seed alone. */
export function drawFaults(plan: FaultPlan, random: Random): Fault[] {
  const kinds: readonly (readonly [FaultKind, number])[] = [
    ['kill', plan.kills],
    ['storeKill', plan.storeKills],
    ['cut', plan.cuts],
    ['stop', plan.stops],
  ]
  return kinds
    .flatMap(([kind, count]) =>
      Array.from({ length: count }, () => ({
        kind,
        atMs: Math.round(random() * plan.spanMs),
        whom: random(),
        awayMs: Math.round(AWAY_MIN_MS + random() * (AWAY_MAX_MS - AWAY_MIN_MS)),
      })),
    )
    .toSorted((a, b) => a.atMs - b.atMs)
}

export interface Victims {
  readonly store: ChaosStore
  readonly proxy: TcpProxy
  readonly workers: QueueWorkers
  readonly logs: QueueLogs
  /** How long a stopped worker stands still. */
  readonly stopMs: number
}

/** Faults of different kinds overlap: a worker dies while the store is away, or while another one stands still. */
export async function strike(faults: readonly Fault[], victims: Victims): Promise<void> {
  const startedAt = performance.now()
  const lane = async (kind: FaultKind): Promise<void> => {
    for (const fault of faults.filter((each) => each.kind === kind)) {
      await delay(Math.max(0, fault.atMs - (performance.now() - startedAt)))
      await ACTS[kind](fault, victims)
    }
  }
  await Promise.all((['kill', 'storeKill', 'cut', 'stop'] as const).map(lane))
}

const ACTS: Readonly<Record<FaultKind, (fault: Fault, victims: Victims) => Promise<void>>> = {
  async kill({ whom }, { workers }) {
    await workers.replace(whom)
  },
  async stop({ whom }, { workers, stopMs }) {
    await workers.freeze(whom, stopMs)
  },
  async storeKill({ awayMs }, { store, logs }) {
    const from = Date.now()
    await store.kill()
    await delay(awayMs)
    await store.restart()
    logs.outage('store', from, Date.now())
  },
  async cut({ awayMs }, { proxy, logs }) {
    const from = Date.now()
    proxy.cut()
    await delay(awayMs)
    proxy.mend()
    logs.outage('cut', from, Date.now())
  },
}
