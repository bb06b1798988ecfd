import { startSharedPostgres } from '../../test/support/shared-postgres.ts'
import { tcpProxy } from '../../test/support/tcp-proxy.ts'
import type { Engine } from './engine.ts'

/** A PostgreSQL as a user's own: where queues, events and the pictures live. */
export interface Database {
  /** As the show's containers or processes reach it. */
  readonly url: string
  stop(): Promise<void>
}

/** It listens on loopback only, as it should; a wire leads to it from the address that the engine's containers reach. */
export async function startDatabase({ runtime, hostAddress }: Engine): Promise<Database> {
  const service = await startSharedPostgres()
  const url = new URL(service.values['url'] ?? '')
  if (runtime === 'process') return { url: url.href, stop: () => service.stop() }
  const wire = await tcpProxy(Number(url.port), hostAddress)
  url.hostname = hostAddress
  url.port = String(wire.port)
  return {
    url: url.href,
    async stop() {
      await wire[Symbol.asyncDispose]()
      await service.stop()
    },
  }
}
