import { PandaError } from '@pandastack/contract'
import { EventAdmin, findBrokerUrl } from '@pandastack/sdk/events'
import type { Component } from '../component.ts'
import { ProjectConnections, type ProjectConnectionsDeps } from '../projects/project-connections.ts'
import { schemesOf, storeAddress } from '../settings/store-address.ts'
import { asProblem } from './as-problem.ts'

/** The API's caller waits at most so long for a broker that is away. */
const PATIENCE = '5s'

/** The events of a project, at the broker that its env and secrets name. */
export class ProjectEvents implements Component {
  readonly name = 'project events'
  readonly #connections: ProjectConnections<EventAdmin>

  constructor(deps: ProjectConnectionsDeps) {
    this.#connections = new ProjectConnections({ keyOf, open, stopped }, deps)
  }

  start(): Promise<void> {
    return this.#connections.start()
  }

  stop(): Promise<void> {
    return this.#connections.stop()
  }

  /** @throws PandaError event_broker_missing, event_broker_away, event_broker_unusable, and what the call itself throws */
  async use<T>(projectId: string, call: (admin: EventAdmin) => Promise<T>): Promise<T> {
    try {
      return await this.#connections.use(projectId, call)
    } catch (error) {
      throw asProblem(error)
    }
  }

  /** For as long as it is read. @throws as `use` */
  async *each<T>(projectId: string, call: (admin: EventAdmin) => AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* this.#connections.each(projectId, call)
    } catch (error) {
      throw asProblem(error)
    }
  }
}

interface Key {
  readonly url: string
  readonly namespace: string | undefined
}

/** The SDK's own rule, on the variables of the project. */
function keyOf(variables: Readonly<Record<string, string>>): string {
  const { url } = findBrokerUrl(undefined, variables)
  // It would be the memory of this server, the same for all projects.
  if (/^memory:/i.test(url))
    throw new PandaError('event_broker_unusable', 'The project names the memory of a process as its broker.')
  const address = storeAddress('PANDA_EVENTS_URL', url)
  if (address === null)
    throw new PandaError(
      'event_broker_unusable',
      `The URL of the project's broker is no address of one: ${schemesOf('PANDA_EVENTS_URL')}`,
    )
  return JSON.stringify({ url: address.url, namespace: variables['PANDA_EVENTS_NAMESPACE'] } satisfies Key)
}

function open(key: string): EventAdmin {
  const { url, namespace } = JSON.parse(key) as Key
  // Empty, not left out: the server's own environment is not the project's.
  return new EventAdmin({ url, namespace: namespace ?? '', patience: PATIENCE })
}

function stopped(): PandaError {
  return new PandaError('event_broker_away', 'The server is stopping.')
}
