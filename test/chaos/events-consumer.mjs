// Consumers as a process of their own, on the built SDK: node events-consumer.mjs CONFIG
// One row per handled event, written by the handler's transaction: what the checker counts by, whatever happens here.
import { setTimeout as delay } from 'node:timers/promises'
import { Events } from '@pandastack/sdk/events'
import pg from 'pg'

const { brokerUrl, databaseUrl, subscriptions, concurrency, poisonEvery } = JSON.parse(process.argv[2])
const pool = new pg.Pool({ connectionString: databaseUrl, max: subscriptions.length * concurrency })
const events = new Events({ url: brokerUrl, onError: () => undefined })
const backoff = { kind: 'exponential', delay: '200ms', factor: 2, max: '2s', jitter: 0.2 }

for (const subscription of subscriptions) {
  const options = { subscription, concurrency, attempts: 4, backoff, exactlyOnce: { pool } }
  await events.subscribe('order.*', options, async ({ n }, { id, attempt, tx }) => {
    await tx.query('insert into effects (subscription, event, n) values ($1, $2, $3)', [subscription, id, n])
    await delay(2 + (n % 5) * 3)
    if (n % poisonEvery === poisonEvery - 1) throw new Error('poison')
    if (n % 5 === 0 && attempt === 1) throw new Error('not yet')
  })
}
process.stdout.write('ready\n')
// Counted by who stays to the end.
process.on('SIGUSR2', () => {
  const all = Object.values(events.metrics())
  process.stdout.write(`duplicates ${all.reduce((sum, { duplicates }) => sum + duplicates, 0)}\n`)
})
