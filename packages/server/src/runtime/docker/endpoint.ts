import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TlsFiles {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

export type DockerEndpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsFiles | null }

const PLAIN_PORT = 2375
const TLS_PORT = 2376

/**
 * Reads `DOCKER_HOST` as the docker client does: `unix://…`, `tcp://host:port` (TLS by certificates from `certPath`).
 * @throws RangeError for what is neither, e.g. ssh.
 */
export function parseDockerHost(text: string, certPath: string | null): DockerEndpoint {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length)
    if (!path.startsWith('/')) throw new RangeError(`DOCKER_HOST "${text}": the socket's path must be absolute`)
    return { kind: 'unix', path }
  }
  if (!text.startsWith('tcp://')) {
    throw new RangeError(`DOCKER_HOST "${text}": only unix:///path and tcp://host:port are supported`)
  }
  const url = parseUrl(text)
  const tls = certPath === null ? null : readTls(certPath)
  const port = url.port === '' ? (tls === null ? PLAIN_PORT : TLS_PORT) : Number(url.port)
  return { kind: 'tcp', host: url.hostname, port, tls }
}

export function formatEndpoint(endpoint: DockerEndpoint): string {
  return endpoint.kind === 'unix' ? `unix://${endpoint.path}` : `tcp://${endpoint.host}:${endpoint.port}`
}

function parseUrl(text: string): URL {
  // Node parses host and port only for schemes it knows.
  const address = `http${text.slice('tcp'.length)}`
  const url = URL.canParse(address) ? new URL(address) : null
  if (url === null || url.hostname === '' || (url.pathname !== '/' && url.pathname !== '')) {
    throw new RangeError(`DOCKER_HOST "${text}" is not tcp://host:port`)
  }
  return url
}

function readTls(folder: string): TlsFiles {
  const read = (name: string) => readFileSync(join(folder, name))
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}
