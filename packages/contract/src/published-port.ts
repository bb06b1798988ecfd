/** A port of a container that the machine it runs on makes reachable. */
export interface PublishedPort {
  /** IPv4 address of the machine; `0.0.0.0` = all of its addresses. */
  readonly address: string
  readonly hostPort: number
  readonly containerPort: number
}

const FORM = /^(?:(\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5}):(\d{1,5})$/
const EVERY_ADDRESS = '0.0.0.0'
/** Other machines cannot reach it: who wants that says so. */
const DEFAULT_ADDRESS = '127.0.0.1'
const MAX_PORT = 65_535

/**
 * Reads `8080:3000` (host, then container) and `0.0.0.0:8080:3000`. Without an address the port is bound to 127.0.0.1.
 *
 * @throws RangeError when the text is no such port.
 */
export function parsePublishedPort(text: string): PublishedPort {
  const [, address = DEFAULT_ADDRESS, host, container] = FORM.exec(text) ?? []
  const hostPort = Number(host ?? 0)
  const containerPort = Number(container ?? 0)
  const isAddress = address.split('.').every((part) => Number(part) <= 255)
  if (!isAddress || !isPort(hostPort) || !isPort(containerPort)) {
    throw new RangeError(
      `"${text.slice(0, 40)}" is not a port; write 8080:3000 (this machine's, then the container's), or 0.0.0.0:8080:3000 to let other machines reach it`,
    )
  }
  return { address, hostPort, containerPort }
}

function isPort(port: number): boolean {
  return port >= 1 && port <= MAX_PORT
}

/** With its address, also when that is the default: `127.0.0.1:8080:3000`. */
export function formatPublishedPort({ address, hostPort, containerPort }: PublishedPort): string {
  return `${address}:${hostPort}:${containerPort}`
}

/** True when a machine cannot have both. */
export function portsOverlap(one: PublishedPort, other: PublishedPort): boolean {
  if (one.hostPort !== other.hostPort) return false
  return one.address === other.address || one.address === EVERY_ADDRESS || other.address === EVERY_ADDRESS
}
