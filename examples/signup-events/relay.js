// Carries what signup.js has committed over to the broker. As many copies as you like; not needed when events are on PostgreSQL.
import { startOutbox } from '@pandastack/sdk/outbox'

await startOutbox({
  databaseUrl: process.env.DATABASE_URL,
  onError: (error) => console.error(error.message),
})
console.log('listening')
