import { once } from 'node:events'
import { createServer } from 'node:net'
import type { PublishedPort } from '@pandastack/contract'
import { portInUse, type UnitAddress, type UnitSpec } from '../driver.ts'

/** A plain process has no ports of its own: it is told to listen where a container's port would be published. */
export function withPort(unit: UnitSpec): UnitSpec {
  if (unit.port === undefined) return unit
  return { ...unit, env: { ...unit.env, PORT: String(unit.port.hostPort) } }
}

/** A port that is published is the machine's by its own number: the program was told to listen there. */
export function machineAddress(port: number, published: PublishedPort | null): UnitAddress {
  return { host: '127.0.0.1', port: published?.containerPort === port ? published.hostPort : port }
}

/**
 * The program would only say so in its log, in words of its own.
 *
 * @throws RuntimeError `port-in-use`; what else keeps it from listening is for the program to find out
 */
export async function assertFree(port: PublishedPort): Promise<void> {
  const server = createServer()
  try {
    server.listen({ host: port.address, port: port.hostPort, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return
    throw portInUse(port, { cause: error })
  }
  server.close()
  await once(server, 'close')
}
