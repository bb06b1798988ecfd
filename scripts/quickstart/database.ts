import type { ProjectDatabase } from '@pandastack/contract'
import { startSharedPostgres } from '../../test/support/shared-postgres.ts'
import { tcpProxy } from '../../test/support/tcp-proxy.ts'
import type { Engine } from './engine.ts'
import type { Panda } from './panda.ts'
import { say, step } from './say.ts'

/**
 * Where queues, events and the pictures live: the database that the platform gives a project. On an engine where it
 * gives none (rootless, Podman), a PostgreSQL as a user's own is named by `panda env set`.
 * @returns what ends it
 */
export async function useDatabase(panda: Panda, engine: Engine): Promise<() => Promise<void>> {
  step('queues and events: the project names no store, so the platform gives it a database of its own')
  const { database } = await panda.ask<{ database: ProjectDatabase }>(['env', 'list'])
  await panda.show(['env', 'list'])
  if (database.state !== 'unavailable') return async () => {}
  say('  starting a PostgreSQL for the show instead …')
  const { url, stop } = await startDatabase(engine)
  await panda.show(['env', 'set', `DATABASE_URL=${url}`])
  return stop
}

/** It listens on loopback only, as it should; a wire leads to it from the address that the engine's containers reach. */
async function startDatabase({ runtime, hostAddress }: Engine): Promise<{ url: string; stop: () => Promise<void> }> {
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
