/**
 * How late retries come: 100 events each with delays of 0.5, 1, 2.5 and 5 s, spread over two seconds, taken by one consumer
 * with prefetch 100. Lateness is from the due time to the handler.
 *
 *   npx tsx --conditions=source bench/events/rabbitmq-retries.ts
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import { freshVhost } from '../../test/support/rabbitmq.ts'
import { startRabbitServer } from '../../test/support/rabbitmq-server.ts'
import { makeEvent } from './rabbitmq/way.ts'

const delays = [500, 1_000, 2_500, 5_000]
const each = 100
const server = await startRabbitServer()
const loadAtStart = loadavg()[0] ?? 0
try {
  const vhost = await freshVhost(server)
  const driver = rabbitMqDriver({ url: vhost.url })
  await driver.apply({ name: 'r', patterns: ['#'], order: 'none' })
  const due = new Map<string, { at: number; delayMs: number }>()
  const late = new Map<number, number[]>(delays.map((ms) => [ms, []]))
  let done = 0
  await driver.consume('r', { prefetch: 100 }, (delivery) => {
    const id = delivery.event?.id ?? ''
    const known = due.get(id)
    if (known === undefined) {
      const delayMs = delays[due.size % delays.length] ?? 0
      due.set(id, { at: Date.now() + delayMs, delayMs })
      return void delivery.settle({ kind: 'retry', delayMs, error: '{}' })
    }
    late.get(known.delayMs)?.push(Date.now() - known.at)
    done += 1
    void delivery.settle({ kind: 'done' })
  })
  for (let n = 0; n < each * delays.length; n += 1) {
    await driver.publish([makeEvent()])
    await delay(5)
  }
  for (let waited = 0; done < each * delays.length && waited < 600; waited += 1) await delay(50)
  const at = (values: readonly number[], share: number) => values[Math.floor(values.length * share)] ?? Number.NaN
  const rows = [...late].map(([delayMs, values]) => {
    const sorted = values.sort((a, b) => a - b)
    return { delayMs, arrived: sorted.length, minMs: at(sorted, 0), p50Ms: at(sorted, 0.5), p99Ms: at(sorted, 0.99) }
  })
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, loadAtStart }
  const claim = 'all arrive, never early, median lateness under 150 ms'
  await writeFile(
    'bench/results/events-rabbitmq-retries.json',
    `${JSON.stringify({ claim, rows, machine }, null, 2)}\n`,
  )
  await driver.close()
  await vhost.remove()
} finally {
  await server.stop()
}
