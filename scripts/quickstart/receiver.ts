import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** A local receiver for the alert, as a user's own service would be. */
export interface Receiver {
  readonly url: string
  /** Resolves with the first message, or rejects after so many milliseconds. */
  first(timeoutMs: number): Promise<Received>
  close(): void
}

export interface Received {
  readonly body: string
  /** The payload when the signature is right. @throws otherwise. */
  verify(secret: string): unknown
}

export async function startReceiver(): Promise<Receiver> {
  let deliver: (message: Received) => void = () => {}
  const arrived = new Promise<Received>((resolve) => (deliver = resolve))
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      response.writeHead(204).end()
      deliver(receivedFrom(body, request.headers))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    first: (timeoutMs) => Promise.race([arrived, tooLate(timeoutMs)]),
    close: () => server.close(),
  }
}

function receivedFrom(body: string, headers: IncomingHttpHeaders): Received {
  return { body, verify: (secret) => new Webhook(secret).verify(body, headers as Record<string, string>) }
}

function tooLate(timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no alert arrived within ${timeoutMs / 1000} s`)), timeoutMs).unref()
  })
}
