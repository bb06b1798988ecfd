/**
 * A consumer as a process of its own: `node --import tsx event-consumer.ts <url> <subscription> <prefetch>`. A poisonous
 * event kills it; others take 200 ms and are written to stdout.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import type { Delivery } from '../../packages/sdk/src/events/driver.ts'

const [url = '', subscription = '', prefetch = '100'] = process.argv.slice(2)
const driver = rabbitMqDriver({ url })

async function handle(delivery: Delivery): Promise<void> {
  const data = JSON.parse(delivery.raw) as { n: number; poison: boolean }
  if (delivery.crashes >= 3) {
    await delivery.settle({ kind: 'dead', reason: 'crashes', error: '{}' })
    process.stdout.write(`dead ${data.n}\n`)
    return
  }
  await delay(data.poison ? 50 : 200)
  if (data.poison) process.kill(process.pid, 'SIGKILL')
  if (await delivery.settle({ kind: 'done' })) process.stdout.write(`done ${data.n}\n`)
}

await driver.consume(subscription, { prefetch: Number(prefetch) }, (delivery) => void handle(delivery))
process.stdout.write('ready\n')
process.once('SIGTERM', () => void driver.close().then(() => process.exit(0)))
