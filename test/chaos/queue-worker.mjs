// A worker as a process of its own, whatever the library: node queue-worker.mjs PLAN (JSON, see queue-workers.ts).
// The plan's module exports `work(url, concurrency, handle)`, and its handler calls `handle(n, id)` for each job.
// A line of each file is one start, one effect: what the checker counts by, whatever happens to this process.
import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const { url, starts, effects, module, concurrency, handlerMs } = JSON.parse(process.argv[2])
const [shortest, longest] = handlerMs
const { work } = await import(pathToFileURL(module).href)

await work(url, concurrency, async (n, id) => {
  appendFileSync(starts, `${n} ${id} ${Date.now()} ${process.pid}\n`)
  await delay(shortest + ((n % 5) / 4) * (longest - shortest))
  appendFileSync(effects, `${n} ${id} ${Date.now()} ${process.pid}\n`)
})
process.stdout.write('ready\n')
