import type * as Amqp from 'amqplib'
import { PandaError } from '../../errors.ts'

export type AmqpModule = typeof Amqp
export type Connection = Amqp.ChannelModel
export type Channel = Amqp.Channel
export type ConfirmChannel = Amqp.ConfirmChannel
export type Message = Amqp.ConsumeMessage
export type AnyMessage = Amqp.Message
export type Publish = Amqp.Options.Publish
export type Arguments = Readonly<Record<string, string | number | boolean>>

/** @throws PandaError client_missing */
export async function loadAmqp(): Promise<AmqpModule> {
  try {
    const module = (await import('amqplib')) as AmqpModule & { default?: AmqpModule }
    return module.default ?? module
  } catch (error) {
    throw new PandaError('client_missing', 'Events on RabbitMQ need the package amqplib.', {
      hint: 'npm install amqplib@^2.3',
      cause: error,
    })
  }
}
