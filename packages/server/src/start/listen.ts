import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { isLoopback } from './is-loopback.ts'
import { listenError } from './port-check.ts'
import { removeServerFile, writeServerFile } from './server-file.ts'
import type { StopStack } from './stop-stack.ts'

/**
 * Opens the door and tells the CLI where it is.
 *
 * @returns the address, e.g. `http://127.0.0.1:7300`
 * @throws StartError `port_in_use`, `address_refused`
 */
export async function listen(api: FastifyInstance, config: Config, stops: StopStack): Promise<string> {
  try {
    await api.listen({ host: config.host, port: config.port })
  } catch (error) {
    throw listenError(error, config.host, config.port)
  }
  const address = api.server.address()
  if (address === null || typeof address === 'string') throw new Error('the API listens on no port')
  if (!isLoopback(config.host))
    api.log.warn(`listening beyond this machine (${config.host}) without TLS: put a proxy that speaks it in front`)
  const url = `http://${urlHost(config.host)}:${address.port}`
  const file = { url, pid: process.pid }
  await writeServerFile(config.home, file)
  stops.push('server.json', () => removeServerFile(config.home, file))
  return url
}

/** Where all addresses are listened on, this machine reaches us by the loopback one. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
