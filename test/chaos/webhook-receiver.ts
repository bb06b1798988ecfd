import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedCall {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly atMs: number
}

export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string
  readonly calls: readonly ReceivedCall[]
  /** Answers the next calls with 503 and does not write them down. */
  refuse(count: number): void
  /** How many calls were refused. */
  readonly refused: () => number
}

/** A real receiver on loopback that writes down every call and answers 200. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const calls: ReceivedCall[] = []
  let toRefuse = 0
  let refused = 0
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (refused < toRefuse) {
        refused += 1
        return void response.writeHead(503).end()
      }
      calls.push({ headers: request.headers, body, atMs: Date.now() })
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook`,
    calls,
    refuse: (count) => (toRefuse = refused + count),
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
