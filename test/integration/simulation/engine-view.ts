import type { FakeEngine, FakeHook } from '../../../packages/server/src/runtime/fake/fake-engine.ts'
import type { MemoryEngine } from '../../../packages/server/src/runtime/fake/memory-engine.ts'
import { RuntimeError } from '../../../packages/server/src/runtime/driver.ts'
import type { Random } from './random.ts'
import { Died, type SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface EngineRates {
  /** Share of calls that are refused as `engine-away` and were not done. */
  readonly refused: number
  /** Share of calls that are done but told to be `engine-away`. */
  readonly doneButRefused: number
  /** Share of calls that take up to a second. */
  readonly slow: number
}

export interface EngineViewDeps {
  readonly engine: MemoryEngine
  readonly process: SimulatedProcess
  readonly time: VirtualTime
  readonly random: Random
  readonly rates: () => EngineRates
}

/** The one engine as a process reaches it: each call may be slow or fail by the seed, and the process may die at it. */
export function engineView({ engine, process, time, random, rates }: EngineViewDeps): FakeEngine {
  const clock = time.clockOf(process)
  const before: FakeHook = async (operation) => {
    process.step()
    if (operation === 'start') process.reach('start')
    await process.mayGoOn()
    if (random.chance(rates().slow)) await clock.sleep(random.int(1, 1000))
    if (random.chance(rates().refused)) throw new RuntimeError('engine-away', `${operation} was refused`)
  }
  const after: FakeHook = async (operation) => {
    process.step()
    if (operation === 'start') process.reach('started')
    await process.mayGoOn()
    if (random.chance(rates().doneButRefused)) throw new RuntimeError('engine-away', `no answer to ${operation}`)
  }
  return {
    id: engine.id,
    address: engine.address,
    clock,
    before,
    after,
    isAway: () => engine.isAway(),
    imageError: (image) => engine.imageError(image),
    programOf: (spec) => engine.programOf(spec),
    create: (spec, program) => engine.create(spec, program),
    start(name, atMs) {
      // Between create and start, which a driver asks for one after the other.
      process.step()
      if (!process.alive) throw new Died('between create and start')
      return engine.start(name, atMs)
    },
    end: (name, end) => engine.end(name, end),
    remove: (name) => engine.remove(name),
    get: (name) => engine.get(name),
    list: () => engine.list(),
    async idle(name, milliseconds, signal) {
      await engine.idle(name, milliseconds, signal)
      await process.mayGoOn()
    },
    async *exits(signal) {
      for await (const unit of engine.exits(signal)) {
        await process.mayGoOn()
        yield unit
      }
    },
  }
}
