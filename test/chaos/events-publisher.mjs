// A publisher as a process of its own, on the built SDK: node events-publisher.mjs CONFIG
// It publishes the numbers of its share that its file does not have yet, and writes a line `id n` once it was told that an
// event is safe: by the broker, or by the commit of the transaction that it was written in. It also runs a relay.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Events } from '@pandastack/sdk/events'
import { startOutbox } from '@pandastack/sdk/outbox'
import pg from 'pg'

const { brokerUrl, databaseUrl, file, from, step, to, way, lanes, pauseMs } = JSON.parse(process.argv[2])
const done = new Set(
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => Number(line.split(' ')[1]))
    : [],
)
const left = []
for (let n = from; n < to; n += step) if (!done.has(n)) left.push(n)

const events = new Events({ url: brokerUrl, source: 'chaos', onError: () => undefined })
const pool = new pg.Pool({ connectionString: databaseUrl, max: lanes })
const outbox = await startOutbox({ pool: new pg.Pool({ connectionString: databaseUrl }), eventsUrl: brokerUrl })
process.stdout.write('ready\n')

async function publish(n) {
  const key = `k${n % 7}`
  if (way === 'broker') return (await events.publish('order.placed', { n }, { key })).id
  const tx = await pool.connect()
  await tx.query('begin')
  const { id } = await events.publish('order.placed', { n }, { key, tx })
  await tx.query('commit')
  tx.release()
  return id
}

async function lane() {
  for (let n = left.shift(); n !== undefined; n = left.shift()) {
    for (let id = null; id === null;) {
      try {
        id = await publish(n)
        appendFileSync(file, `${id} ${n}\n`)
      } catch (error) {
        // It may or may not be there: another one with the same number is another event.
        if (error.code !== 'store_away') throw error
      }
    }
    await delay(pauseMs)
  }
}

await Promise.all(Array.from({ length: lanes }, lane))
await outbox.flush()
process.exit(0)
