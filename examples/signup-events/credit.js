// A system whose effect must not happen twice: ten credits for each signup, in the transaction that also says that it is done.
import { Events } from '@pandastack/sdk'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const events = new Events()

await events.subscribe('user.signed_up', { exactlyOnce: { pool } }, async (msg, event) => {
  await event.tx.query('insert into credits (user_id, amount) values ($1, 10)', [msg.userId])
})
console.log('listening')
