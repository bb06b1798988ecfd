import { request as httpRequest, type IncomingMessage, type RequestOptions as NodeOptions } from 'node:http'

export interface OutgoingRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly signal: AbortSignal
}

/** What came back: any status. */
export class Answer {
  readonly stream: IncomingMessage
  readonly status: number

  constructor(stream: IncomingMessage) {
    this.stream = stream
    this.status = stream.statusCode ?? 0
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  header(name: string): string | undefined {
    const value = this.stream.headers[name]
    return Array.isArray(value) ? value[0] : value
  }

  async text(): Promise<string> {
    const chunks: Buffer[] = []
    for await (const chunk of this.stream) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString('utf8')
  }
}

/**
 * One HTTP exchange, on node:http: the first use of the built-in fetch costs 20 ms on a quiet machine and 75 ms on a
 * busy one (it compiles its parser), which is more than all the rest of a command. Redirects are not followed.
 *
 * @throws the system's error when the exchange fails below HTTP, the signal's reason when it is aborted
 */
export async function send(url: URL, request: OutgoingRequest): Promise<Answer> {
  const { method, body, signal } = request
  const start = url.protocol === 'https:' ? (await import('node:https')).request : httpRequest
  const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const options: NodeOptions = { method, headers: { ...request.headers, ...length }, signal }
  return new Promise((resolve, reject) => {
    const exchange = start(url, options, (response) => resolve(new Answer(response)))
    exchange.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
    exchange.end(body ?? undefined)
  })
}
