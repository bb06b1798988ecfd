import { Client } from 'pg'
import { expect, test } from 'vitest'
import { Connections } from '../../packages/sdk/src/drivers/postgres/connect.ts'
import { settle } from '../../packages/sdk/src/drivers/postgres/options.ts'
import { freshDatabase } from '../support/postgres.ts'

/** Locks the rows in this order, with time enough in between for the other one to lock its first. */
const MOVE = `create function move(a int, b int) returns int language plpgsql as $$
begin
  update accounts set n = n + 1 where id = a;
  perform pg_sleep(0.4);
  update accounts set n = n + 1 where id = b;
  return a;
end $$`

test('of two statements that wait for each other the one that the server ends is run again, once in all', async () => {
  await using database = await freshDatabase()
  const admin = new Client({ connectionString: database.url })
  await admin.connect()
  await admin.query('create table accounts (id int primary key, n int not null)')
  await admin.query('insert into accounts values (1, 0), (2, 0)')
  await admin.query(MOVE)
  const connections = new Connections(settle({ url: database.url, timeoutMs: 20_000 }))
  const move = (a: number, b: number, repeats?: number) =>
    connections.run({ text: 'select move($1, $2) as first', values: [a, b], doing: 'move' }, undefined, repeats)
  expect(await Promise.all([move(1, 2), move(2, 1)])).toEqual([[{ first: 1 }], [{ first: 2 }]])
  const rows = async () => (await admin.query('select id, n from accounts order by id')).rows as unknown
  expect(await rows()).toEqual([
    { id: 1, n: 2 },
    { id: 2, n: 2 },
  ])
  // Without a repeat one of them is told, as of a store that could not do it now, and has left nothing behind.
  const [one, two] = await Promise.allSettled([move(1, 2, 0), move(2, 1, 0)])
  const told = [one, two].filter((end) => end.status === 'rejected')
  expect(told).toEqual([{ status: 'rejected', reason: expect.objectContaining({ code: 'store_away' }) as unknown }])
  expect(await rows()).toEqual([
    { id: 1, n: 3 },
    { id: 2, n: 3 },
  ])
  await connections.close()
  await admin.end()
})
