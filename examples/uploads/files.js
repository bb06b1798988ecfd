// Files, thumbnails and notifications in the database that API and worker share (DATABASE_URL).
import { randomUUID } from 'node:crypto'
import pg from 'pg'

const SCHEMA = `
  create table if not exists files (id text primary key, user_id text not null, body bytea not null);
  create table if not exists thumbnails (file_id text primary key references files, body bytea not null);
  create table if not exists notifications (file_id text not null, user_id text not null, sent_at timestamptz not null default now())`

export async function openFiles() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
  pool.on('error', (error) => console.error(`a database connection was lost: ${error.message}`))
  await createSchema(pool)
  return {
    async store(body, userId) {
      const id = randomUUID()
      await pool.query('insert into files (id, user_id, body) values ($1, $2, $3)', [id, userId, body])
      return id
    },
    async get(id) {
      const { rows } = await pool.query('select id, user_id as "userId", body from files where id = $1', [id])
      if (rows[0] === undefined) throw new Error(`there is no file ${id}`)
      return rows[0]
    },
    /**
     * Stores the thumbnail and the notification in one transaction, unless an earlier attempt did so already: a job may
     * run twice when its worker dies, its effect must not happen twice.
     */
    async storeThumbnail(fileId, body, userId) {
      await pool.query(
        `with made as (
           insert into thumbnails (file_id, body) values ($1, $2) on conflict (file_id) do nothing returning file_id
         )
         insert into notifications (file_id, user_id) select file_id, $3 from made`,
        [fileId, body, userId],
      )
    },
    async thumbnail(fileId) {
      const { rows } = await pool.query('select body from thumbnails where file_id = $1', [fileId])
      return rows[0]?.body ?? null
    },
    async notifications(userId) {
      const { rows } = await pool.query('select file_id as "fileId" from notifications where user_id = $1', [userId])
      return rows
    },
    close: () => pool.end(),
  }
}

/** API and worker may start at the same moment: one after the other makes the tables. */
async function createSchema(pool) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(7300)')
    await client.query(SCHEMA)
    await client.query('commit')
  } finally {
    client.release()
  }
}
