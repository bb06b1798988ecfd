import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { isTransient } from '../../packages/server/src/store/transient.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

async function behindProxy() {
  const database = await migratedDatabase()
  const url = new URL(database.url)
  const proxy = await tcpProxy(Number(url.port))
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const errors: Error[] = []
  const db = openDatabase(url.href, { poolSize: 2, silenceLimitMs: 300, onError: (error) => errors.push(error) })
  return {
    db,
    proxy,
    errors,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await proxy[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

describe('a network that swallows packets', () => {
  it('a query on a connection that has fallen silent ends, and the next one gets a new connection', async () => {
    await using stage = await behindProxy()
    await sql`select 1`.execute(stage.db)
    stage.proxy.stall()
    const failure = await failureOf(sql`select 1`.execute(stage.db))
    expect(isTransient(failure)).toBe(true)
    expect(failure).toMatchObject({ code: 'ETIMEDOUT' })
    stage.proxy.mend()
    expect((await sql<{ one: number }>`select 1 as one`.execute(stage.db)).rows).toEqual([{ one: 1 }])
  })

  it('a transaction whose commit is never answered ends', async () => {
    await using stage = await behindProxy()
    const failure = await failureOf(
      stage.db.transaction().execute(async (trx) => {
        await sql`select 1`.execute(trx)
        stage.proxy.stall()
      }),
    )
    expect(isTransient(failure)).toBe(true)
  })

  it('a connection that nobody uses may be silent', async () => {
    await using stage = await behindProxy()
    const pid = async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(stage.db)).rows[0]?.pid
    const before = await pid()
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(await pid()).toBe(before)
    expect(stage.errors).toEqual([])
  })
})
