import { collect, event, type EventWorld, eventWorld, spec } from '../support/event-world.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { waitFor } from '../support/wait-for.ts'

const ERROR = JSON.stringify({ name: 'Error', message: 'no such address', stack: null, at: 0 })

/** What the examples of the commands on events take for granted: a broker, the subscription `email-service`, a dead letter. */
export class EventStage implements AsyncDisposable {
  readonly url: string
  readonly #world: EventWorld
  readonly #driver: EventDriver

  private constructor(world: EventWorld) {
    this.#world = world
    this.#driver = world.driver()
    this.url = world.vhost.url
  }

  static async set(): Promise<EventStage> {
    return new EventStage(await eventWorld())
  }

  static isAbout(line: string): boolean {
    return /^panda (event|subscription|deadletter|topology) /.test(line)
  }

  async reset(): Promise<void> {
    await this.#driver.apply(spec('email-service', ['user.signed_up']))
    await this.#driver.pause('email-service', false)
  }

  /** The id of a fresh dead letter of `email-service`. */
  async deadLetter(): Promise<string> {
    const published = event('user.signed_up', { userId: 7 })
    await this.#driver.publish([published])
    const kill = { kind: 'dead', reason: 'attempts', error: ERROR } as const
    const { consumer } = await collect(this.#driver, 'email-service', () => kill)
    await waitFor('the dead letter', async () => {
      const { letters } = await this.#driver.deadLetters('email-service', { limit: 1000 })
      return letters.some(({ id }) => id === published.id)
    })
    await consumer.close()
    return published.id
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]()
  }
}
