import type { Signal } from '../../queue/driver.ts'
import { type JobState } from '../../queue/states.ts'
import { ulidOf } from './ids.ts'
import { Listener } from './listener.ts'
import { channelPrefix } from './migrate.ts'
import { get, STATES } from './read.ts'
import type { Store } from './store.ts'

interface Ended {
  readonly id: string
  readonly state?: number
  readonly value?: string | null
  readonly error?: string | null
  readonly reason?: string | null
}

/** Signals of one driver: one connection, however many queues and listeners. */
export class Signals {
  readonly #store: Store
  readonly #listener: Listener
  readonly #listeners = new Map<string, Set<(signal: Signal) => void>>()
  readonly #names = new Map<string, string>()

  constructor(store: Store) {
    this.#store = store
    this.#listener = new Listener(
      store.connections,
      (channel, payload) => this.#receive(channel, payload),
      () => this.#tellAll({ kind: 'reconnected' }),
    )
  }

  async listen(queues: readonly string[], onSignal: (signal: Signal) => void): Promise<() => void> {
    const channels: string[] = []
    for (const queue of queues) {
      const channel = `${channelPrefix(this.#store.schema)}${await this.#store.queue(queue)}`
      channels.push(channel)
      this.#names.set(channel, queue)
      const listeners = this.#listeners.get(channel) ?? new Set()
      this.#listeners.set(channel, listeners.add(onSignal))
    }
    const end = (): void => {
      for (const channel of channels) this.#forget(channel, onSignal)
    }
    try {
      await this.#listener.listen(channels)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  close(): void {
    this.#listener.close()
  }

  #forget(channel: string, onSignal: (signal: Signal) => void): void {
    const listeners = this.#listeners.get(channel)
    listeners?.delete(onSignal)
    if (listeners?.size !== 0) return
    this.#listeners.delete(channel)
    this.#listener.unlisten(channel)
  }

  #receive(channel: string, payload: string): void {
    const queue = this.#names.get(channel)
    if (queue === undefined) return
    const kind = payload.charAt(0)
    if (kind === 'w') this.#tell(channel, { kind: 'work', queue })
    else if (kind === 's') this.#tell(channel, { kind: 'settings', queue })
    else if (kind === 'c') this.#tell(channel, { kind: 'cancel', queue, ids: [ulidOf(payload.slice(1))] })
    else if (kind === 'f') this.#finished(channel, queue, JSON.parse(payload.slice(1)) as Ended)
  }

  #finished(channel: string, queue: string, ended: Ended): void {
    const { state, value = null, error = null, reason = null } = ended
    const id = ulidOf(ended.id)
    const tell = (state: JobState, value: string | null, error: string | null, reason: string | null): void =>
      this.#tell(channel, { kind: 'finished', queue, id, state, value, error, reason })
    if (state !== undefined) return tell(STATES[state] ?? 'succeeded', value, error, reason)
    // Too large for a signal: the record is kept, also of a job that is otherwise forgotten at once.
    get(this.#store, queue, [id]).then(
      ([job]) => (job == null ? undefined : tell(job.state, job.value, job.error, job.reason)),
      // As if the signal had got lost: who waits looks again when told that the store is back.
      () => this.#tellAll({ kind: 'reconnected' }),
    )
  }

  #tell(channel: string, signal: Signal): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(signal)
  }

  #tellAll(signal: Signal): void {
    const all = new Set([...this.#listeners.values()].flatMap((listeners) => [...listeners]))
    for (const listener of all) listener(signal)
  }
}
