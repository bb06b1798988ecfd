import type Docker from 'dockerode'
import { tcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** This machine as the containers of its engine see it: the address of the default bridge, reached from every network. */
export async function bridgeAddress(engine: Docker): Promise<string> {
  const { IPAM } = (await engine.getNetwork('bridge').inspect()) as { IPAM?: { Config?: { Gateway?: string }[] } }
  const gateway = IPAM?.Config?.[0]?.Gateway
  if (gateway === undefined) throw new Error("the engine's default bridge has no gateway address")
  return gateway
}

export interface BridgedUrl extends AsyncDisposable {
  /** The same URL with an address that containers reach. */
  readonly url: string
  readonly wire: TcpProxy
}

/** A store that listens on loopback only, made reachable from the engine's containers. */
export async function bridged(engine: Docker, url: string): Promise<BridgedUrl> {
  const host = await bridgeAddress(engine)
  const changed = new URL(url)
  const wire = await tcpProxy(Number(changed.port), host)
  changed.hostname = host
  changed.port = String(wire.port)
  return { url: changed.href, wire, [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose]() }
}
