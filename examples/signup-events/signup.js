// The signup itself, with its own row: user and event exist together, or not at all.
//   DATABASE_URL=postgres://… node signup.js EMAIL
import { Events } from '@pandastack/sdk'
import pg from 'pg'

const [email = 'user@example.com'] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const events = new Events()

const tx = await pool.connect()
try {
  await tx.query('begin')
  const { rows } = await tx.query('insert into users (email) values ($1) returning id', [email])
  const userId = String(rows[0].id)
  await events.publish('user.signed_up', { userId, email }, { tx })
  await tx.query('commit')
  console.log(`signed up ${email}`)
} catch (error) {
  await tx.query('rollback')
  console.log(`refused ${email}: ${error.message}`)
  process.exitCode = 1
} finally {
  tx.release()
}
await events.close()
await pool.end()
