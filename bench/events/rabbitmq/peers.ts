import { AMQPClient } from '@cloudamqp/amqp-client'
import { Connection } from 'rabbitmq-client'
import type { AnyMessage } from '../../../packages/sdk/src/drivers/rabbitmq/amqp.ts'
import { eventHeaders, eventOf } from '../../../packages/sdk/src/drivers/rabbitmq/message.ts'
import type { EventEnvelope } from '../../../packages/sdk/src/events/envelope.ts'
import { exchange, queueOf, type Way } from './way.ts'

export async function rabbitMqClient(url: string): Promise<Way> {
  const connection = new Connection({ url, noDelay: true })
  const publisher = connection.createPublisher({ confirm: true })
  await connection.onConnect()
  const send = async (event: EventEnvelope) =>
    publisher.send(
      {
        exchange,
        routingKey: event.type,
        messageId: event.id,
        durable: true,
        mandatory: true,
        headers: eventHeaders(event),
      },
      Buffer.from(event.data),
    )
  return {
    name: 'rabbitmq-client',
    publish: async (events) => void (await Promise.all(events.map(send))),
    consume: async (subscription, prefetch, onEvent) => {
      const consuming = await connection.acquire()
      await consuming.basicQos({ prefetchCount: prefetch })
      await consuming.basicConsume({ queue: queueOf(subscription) }, (message) => {
        const content = message.body as Buffer
        const event = eventOf(asMessage(content, message.headers), content.toString('utf8'))
        if (event !== null) onEvent(event)
        // It hands out what it has buffered even after its close.
        if (consuming.active) consuming.basicAck({ deliveryTag: message.deliveryTag })
      })
      return async () => consuming.close()
    },
    close: async () => {
      await publisher.close()
      // Its `close` waits for acquired channels whose end it has not noticed.
      connection.unsafeDestroy()
    },
  }
}

export async function cloudAmqp(url: string): Promise<Way> {
  const client = new AMQPClient(url)
  const connection = await client.connect()
  // It has no option for it, and waits 25 ms for the broker's delayed TCP acknowledgement without.
  client.socket?.setNoDelay(true)
  const channel = await connection.channel()
  await channel.confirmSelect()
  const send = async (event: EventEnvelope) =>
    channel.basicPublish(
      exchange,
      event.type,
      event.data,
      {
        messageId: event.id,
        contentType: 'application/json',
        deliveryMode: 2,
        headers: eventHeaders(event) as Record<string, string>,
      },
      true,
    )
  return {
    name: '@cloudamqp/amqp-client',
    publish: async (events) => void (await Promise.all(events.map(send))),
    consume: async (subscription, prefetch, onEvent) => {
      const consuming = await connection.channel()
      await consuming.basicQos(prefetch)
      await consuming.basicConsume(queueOf(subscription), { noAck: false }, (message) => {
        const event = eventOf(asMessage(Buffer.alloc(0), message.properties.headers), message.bodyString() ?? '')
        if (event !== null) onEvent(event)
        // As above, though by a rejection.
        message.ack().catch(() => undefined)
      })
      return async () => consuming.close()
    },
    close: async () => connection.close(),
  }
}

function asMessage(content: Buffer, headers: unknown): AnyMessage {
  return { content, fields: {}, properties: { headers } } as unknown as AnyMessage
}
