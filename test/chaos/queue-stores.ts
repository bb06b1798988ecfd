import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { startRedisServer } from '../support/redis.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'

/** A real server of the run's own, which can be killed. */
export interface ChaosStore extends AsyncDisposable {
  readonly port: number
  /** Its URL with another port: that of a proxy. */
  url(port: number): string
  /** SIGKILL. */
  kill(): Promise<void>
  /** Resolves when it answers again. */
  restart(): Promise<void>
}

/** @param appendfsync when the append-only file is synced to the disk */
export async function redisStore(appendfsync: 'always' | 'everysec'): Promise<ChaosStore> {
  const server = await startRedisServer({ config: { appendfsync, 'maxmemory-policy': 'noeviction' } })
  return {
    port: server.port,
    url: (port) => `redis://127.0.0.1:${port}`,
    kill: () => server.kill(),
    restart: () => server.start(),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

export async function postgresStore(): Promise<ChaosStore> {
  const home = await tempDir('chaos-queue')
  const server = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
  let killed = server.pid
  return {
    port: server.port,
    url: (port) => {
      const url = new URL(server.url)
      url.port = String(port)
      return url.href
    },
    kill: () => {
      killed = server.pid
      process.kill(killed, 'SIGKILL')
      return Promise.resolve()
    },
    // Its supervisor starts it again.
    restart: async () => {
      await waitFor('PostgreSQL to be started again', () => server.pid !== killed, 60_000)
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await home.remove()
    },
  }
}
