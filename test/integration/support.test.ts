import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { freshDatabase } from '../support/postgres.ts'

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

describe('freshDatabase', () => {
  it('gives each caller an empty database of its own and drops it, connections or not', async () => {
    const [first, second] = await Promise.all([freshDatabase(), freshDatabase()])
    await ask(first.url, 'create table only_here (id int)')
    expect(await ask(second.url, `select to_regclass('only_here') as found`)).toEqual([{ found: null }])
    await first.drop()
    await expect(ask(first.url, 'select 1')).rejects.toMatchObject({ code: '3D000' })
    await second.drop()
  })

  it('prepares a template once, however many ask for it at the same time', async () => {
    let prepared = 0
    const template = {
      key: 'support_self_test',
      prepare: async (url: string) => {
        prepared += 1
        await ask(url, 'create table seeded as select 42 as answer')
      },
    }
    const databases = await Promise.all(Array.from({ length: 4 }, async () => freshDatabase({ template })))
    for (const { url } of databases) expect(await ask(url, 'select answer from seeded')).toEqual([{ answer: 42 }])
    expect(prepared).toBe(1)
    await Promise.all(databases.map(async (database) => database.drop()))
  })
})
