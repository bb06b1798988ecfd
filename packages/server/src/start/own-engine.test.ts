import { pino } from 'pino'
import { expect, it } from 'vitest'
import { tempDir } from '../../../../test/support/temp-dir.ts'
import { waitFor } from '../../../../test/support/wait-for.ts'
import { systemClock, type Clock } from '../clock.ts'
import { FakeDriver } from '../runtime/fake/fake-driver.ts'
import { MemoryEngine } from '../runtime/fake/memory-engine.ts'
import { OwnEngine } from './own-engine.ts'

const log = pino({ level: 'silent' })
const clock: Clock = { now: () => systemClock.now(), sleep: (_ms, signal) => systemClock.sleep(5, signal) }

it('has no id that others share until the engine has answered, and remembers the one it gave', async () => {
  const dir = await tempDir('own-engine')
  const [home, other] = [dir.path, `${dir.path}/none`]
  const engine = new MemoryEngine({ id: 'real' })
  const driver = new FakeDriver(engine)
  engine.away = true
  const one = new OwnEngine({ driver, home, clock, log })
  const two = new OwnEngine({ driver, home: other, clock, log })
  await Promise.all([one.start(), two.start()])
  expect([one.known, two.known]).toEqual([false, false])
  expect(one.id).not.toBe(two.id)
  await two.stop()
  engine.away = false
  await waitFor('it to be known', () => one.known)
  expect(one.id).toBe('real')
  await one.stop()
  engine.away = true
  const again = new OwnEngine({ driver, home, clock, log })
  await again.start()
  expect([again.known, again.id]).toEqual([true, 'real'])
  await again.stop()
  await dir.remove()
})
