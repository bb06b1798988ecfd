import amqp from 'amqplib'
import { eventHeaders, eventOf } from '../../../packages/sdk/src/drivers/rabbitmq/message.ts'
import { rabbitMqDriver } from '../../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import type { EventEnvelope } from '../../../packages/sdk/src/events/envelope.ts'
import { exchange, queueOf, type Way } from './way.ts'

export function panda(url: string): Way {
  const driver = rabbitMqDriver({ url })
  return {
    name: 'panda',
    publish: async (events) => driver.publish(events),
    consume: async (subscription, prefetch, onEvent) => {
      const consumer = await driver.consume(subscription, { prefetch }, (delivery) => {
        if (delivery.event !== null) onEvent(delivery.event)
        void delivery.settle({ kind: 'done' })
      })
      return async () => consumer.close()
    },
    close: async () => driver.close(),
  }
}

/** The same headers and flags, so that the broker has the same to do. */
export async function rawAmqplib(url: string): Promise<Way> {
  const connection = await amqp.connect(url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  const send = async (event: EventEnvelope) =>
    new Promise<void>((resolve, reject) => {
      const options = {
        messageId: event.id,
        contentType: 'application/json',
        deliveryMode: 2,
        mandatory: true,
        headers: eventHeaders(event),
      }
      channel.publish(exchange, event.type, Buffer.from(event.data), options, (error: unknown) =>
        error === null ? resolve() : reject(error),
      )
    })
  return {
    name: 'amqplib',
    publish: async (events) => void (await Promise.all(events.map(send))),
    consume: async (subscription, prefetch, onEvent) => {
      const consuming = await connection.createChannel()
      await consuming.prefetch(prefetch)
      await consuming.consume(queueOf(subscription), (message) => {
        if (message === null) return
        const event = eventOf(message, message.content.toString('utf8'))
        if (event !== null) onEvent(event)
        consuming.ack(message)
      })
      return async () => consuming.close()
    },
    close: async () => connection.close(),
  }
}
