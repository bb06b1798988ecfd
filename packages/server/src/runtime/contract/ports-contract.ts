import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect } from 'vitest'
import type { SuiteContext } from './harness-contract.ts'
import { readLogs, textOf } from './harness-contract.ts'

/** Of this machine, free at this moment. `hold` keeps it for something that is no unit. */
async function somePort(hold: boolean) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has told no port')
  const release = async () => {
    server.close()
    await once(server, 'close')
  }
  if (!hold) await release()
  return { port: { address: '127.0.0.1', hostPort: address.port, containerPort: 3000 }, release }
}

/** Published ports. */
export const portTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'starts a unit that publishes a port, and again as soon as the one before has ended': async (context) => {
    const { port } = await somePort(false)
    for (let round = 0; round < 3; round += 1) {
      const unit = context.unit({ kind: 'sleep', seconds: 60 }, { port })
      expect(await context.driver.start(unit)).toEqual({ adopted: false })
      await context.driver.stop(unit.name, 0)
      await context.driver.remove(unit.name)
    }
  },

  'refuses a port that another unit has, leaves nothing behind, and starts it when it is free': async (context) => {
    const { port } = await somePort(false)
    const first = context.unit({ kind: 'sleep', seconds: 60 }, { port })
    const second = context.unit({ kind: 'sleep', seconds: 60 }, { port: { ...port, address: '0.0.0.0' } })
    await context.driver.start(first)
    if (context.driver.capabilities.publishesPorts !== false) {
      await expect(context.driver.start(second)).rejects.toMatchObject({
        name: 'RuntimeError',
        code: 'port-in-use',
        message: `port ${port.hostPort} of 0.0.0.0 is in use by something else on this machine`,
      })
      expect(await context.driver.inspect(second.name)).toBeNull()
      expect(await context.driver.start(first), 'whoever has it is taken over').toEqual({ adopted: true })
    }
    await context.driver.stop(first.name, 0)
    await context.driver.remove(first.name)
    expect(await context.driver.start(second)).toEqual({ adopted: false })
    await context.driver.remove(second.name)
  },

  'refuses a port that something else on the machine has': async (context) => {
    const taken = context.harness.takenPort
    const { port, release } = taken === undefined ? await somePort(true) : { port: taken, release: async () => {} }
    const unit = context.unit({ kind: 'sleep', seconds: 60 }, { port })
    await expect(context.driver.start(unit)).rejects.toMatchObject({ code: 'port-in-use' })
    expect(await context.driver.inspect(unit.name)).toBeNull()
    await release()
  },

  'tells where a port of a unit is reached, while it runs': async (context) => {
    const unit = context.unit({ kind: 'sleep', seconds: 60 })
    expect(await context.driver.addressOf(unit.name, 3000, null)).toBeNull()
    await context.driver.start(unit)
    expect(await context.driver.addressOf(unit.name, 3000, null)).toMatchObject({
      host: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
      port: 3000,
    })
    await context.driver.stop(unit.name, 0)
    expect(await context.driver.addressOf(unit.name, 3000, null)).toBeNull()
    await context.driver.remove(unit.name)
    expect(await context.driver.addressOf(unit.name, 3000, null)).toBeNull()
  },

  'tells a unit without ports of its own to listen at that of the machine': async (context) => {
    const { port } = await somePort(false)
    const env = { PORT: String(port.containerPort) }
    const unit = context.unit({ kind: 'print-env', name: 'PORT' }, { port, env })
    await context.driver.start(unit)
    await context.driver.wait(unit.name)
    const { hostPort, containerPort } = port
    const told = context.driver.capabilities.publishesPorts === false ? hostPort : containerPort
    expect(textOf(await readLogs(context.driver, unit.name))).toBe(`${told}\n`)
  },
}
