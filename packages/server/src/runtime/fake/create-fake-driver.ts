import { systemClock, type Clock } from '../../clock.ts'
import { createDirectoryEngine } from './directory-engine.ts'
import { FakeDriver } from './fake-driver.ts'
import { MemoryEngine } from './memory-engine.ts'

/**
 * The runtime of `PANDA_RUNTIME=fake`: units are told by their command what to pretend (see parseFakeProgram).
 *
 * @param options.directory shared by several servers, survives them; default: in memory, gone with the process
 */
export function createFakeDriver(options: { directory?: string | undefined; clock?: Clock } = {}): FakeDriver {
  const clock = options.clock ?? systemClock
  const { directory } = options
  return new FakeDriver(directory === undefined ? new MemoryEngine({ clock }) : createDirectoryEngine(directory, clock))
}
