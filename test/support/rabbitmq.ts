import { randomBytes } from 'node:crypto'
import type { RunningService } from './shared-services.ts'
import { sharedService } from './shared-services.ts'
import { type RabbitServer, startRabbitServer } from './rabbitmq-server.ts'
import { waitFor } from './wait-for.ts'

export interface QueueInfo {
  readonly name: string
  readonly messages: number
  readonly consumers: number
  readonly arguments: Readonly<Record<string, unknown>>
}

interface ConnectionInfo {
  readonly name: string
  readonly client_properties?: { readonly connection_name?: string }
}

/** A vhost of its own, and what the management API can do to it. */
export interface Vhost extends AsyncDisposable {
  readonly name: string
  readonly url: string
  queues(): Promise<readonly QueueInfo[]>
  deleteQueue(name: string): Promise<void>
  /**
   * Closes client connections of this vhost from the broker's side, all or those of one name, and waits until the broker has
   * let them go.
   */
  closeConnections(named?: string): Promise<void>
  /** A message as a foreign program would publish it. */
  publishRaw(exchange: string, key: string, payload: string): Promise<void>
  setPolicy(name: string, pattern: string, definition: Readonly<Record<string, unknown>>): Promise<void>
  /** A user that may do only what the patterns allow; its URL. */
  addUser(permissions: { configure: string; write: string; read: string }): Promise<string>
  remove(): Promise<void>
}

/**
 * `TEST_RABBITMQ_URL` (an administrator's; the management API is looked for at `TEST_RABBITMQ_ADMIN_URL`, default port
 * 15672 of the same host), else a server of our own for the whole run.
 */
export async function startSharedRabbit(): Promise<RunningService> {
  const named = process.env['TEST_RABBITMQ_URL']
  if (named !== undefined && named !== '') {
    const url = new URL(named)
    const credentials = `${url.username || 'guest'}:${url.password || 'guest'}`
    const adminUrl = process.env['TEST_RABBITMQ_ADMIN_URL'] ?? `http://${credentials}@${url.hostname}:15672`
    return { values: { host: url.hostname, port: url.port || '5672', adminUrl }, stop: async () => undefined }
  }
  const server = await startRabbitServer()
  const { host, port, adminUrl } = server
  return { values: { host, port: String(port), adminUrl }, stop: async () => server.stop() }
}

/** A fresh vhost on the run's shared broker, or on one of the test's own. */
export async function freshVhost(server?: Pick<RabbitServer, 'host' | 'port' | 'adminUrl'>): Promise<Vhost> {
  const { host, port, adminUrl } = server ?? (await shared())
  const name = `t${randomBytes(5).toString('hex')}`
  const api = adminApi(adminUrl)
  await api('PUT', `/api/vhosts/${name}`)
  const users: string[] = []
  const urlFor = (user: string, password: string) => `amqp://${user}:${password}@${host}:${port}/${name}`
  const { username, password } = new URL(adminUrl)
  const permit = async (user: string, permissions: { configure: string; write: string; read: string }) =>
    void (await api('PUT', `/api/permissions/${name}/${user}`, permissions))
  await permit(username, { configure: '.*', write: '.*', read: '.*' })
  const remove = async () => {
    await api('DELETE', `/api/vhosts/${name}`)
    for (const user of users) await api('DELETE', `/api/users/${user}`)
  }
  return {
    name,
    url: urlFor(username, password),
    queues: async () =>
      (await api('GET', `/api/queues/${name}?disable_stats=true&enable_queue_totals=true`)) as QueueInfo[],
    deleteQueue: async (queue) => void (await api('DELETE', `/api/queues/${name}/${encodeURIComponent(queue)}`)),
    closeConnections: async (named) => {
      const list = async () =>
        ((await api('GET', `/api/vhosts/${name}/connections`)) as ConnectionInfo[]).filter(
          ({ client_properties: client }) => named === undefined || client?.connection_name === named,
        )
      // The management API learns of a connection some time after it was made.
      const all = await waitFor('the broker to list the connections', async () => {
        const found = await list()
        return found.length > 0 && found
      })
      for (const each of all) await api('DELETE', `/api/connections/${encodeURIComponent(each.name)}`)
    },
    publishRaw: async (exchange, key, payload) =>
      void (await api('POST', `/api/exchanges/${name}/${exchange}/publish`, {
        properties: { delivery_mode: 2 },
        routing_key: key,
        payload,
        payload_encoding: 'string',
      })),
    setPolicy: async (policy, pattern, definition) =>
      void (await api('PUT', `/api/policies/${name}/${policy}`, { pattern, definition, 'apply-to': 'queues' })),
    addUser: async (permissions) => {
      const user = `u${randomBytes(5).toString('hex')}`
      await api('PUT', `/api/users/${user}`, { password: 'secret-of-test', tags: '' })
      users.push(user)
      await permit(user, permissions)
      return urlFor(user, 'secret-of-test')
    },
    remove,
    [Symbol.asyncDispose]: remove,
  }
}

async function shared(): Promise<Pick<RabbitServer, 'host' | 'port' | 'adminUrl'>> {
  const { host, port, adminUrl } = await sharedService('rabbitmq')
  if (host === undefined || port === undefined || adminUrl === undefined)
    throw new Error('the shared RabbitMQ told no address')
  return { host, port: Number(port), adminUrl }
}

function adminApi(adminUrl: string) {
  const { origin, username, password } = new URL(adminUrl)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} of the broker's management API: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
