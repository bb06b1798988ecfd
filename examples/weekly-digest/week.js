import pg from 'pg'
import { EXIT, Failure } from './failure.js'

const WEEK_MS = 7 * 24 * 60 * 60 * 1000
const PICTURES = `
  select count(*)::int as pictures, count(distinct user_id)::int as people
  from notifications where sent_at >= $1 and sent_at < $2`

/** What happened in the seven days before `to`, from the tables of examples/uploads. */
export async function readWeek(databaseUrl, to) {
  const from = new Date(to.getTime() - WEEK_MS)
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
  } catch (error) {
    throw new Failure(`the database cannot be reached: ${error.message}`, EXIT.away)
  }
  try {
    const { rows } = await client.query(PICTURES, [from, to])
    return { from, to, ...rows[0] }
  } finally {
    await client.end()
  }
}
