import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SentMail {
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** A mail service with the API that examples/weekly-digest speaks: bearer key, idempotency key, JSON. */
export interface MailApi extends AsyncDisposable {
  readonly url: string
  /** Each mail once, in the order of arrival, by its idempotency key. */
  readonly mails: ReadonlyMap<string, SentMail>
  /** How many requests came with the right key, those with a known idempotency key too. */
  readonly accepted: () => number
  /** Answers 503 from now on, or no longer. */
  setAway(isAway: boolean): void
}

export async function startMailApi(apiKey: string, host = '127.0.0.1'): Promise<MailApi> {
  const mails = new Map<string, SentMail>()
  let accepted = 0
  let away = false
  const answer = async (request: IncomingMessage): Promise<[status: number, body: unknown]> => {
    const body = await textOf(request)
    if (away) return [503, { name: 'application_error', message: 'Try again later.' }]
    const { authorization, 'idempotency-key': key } = request.headers
    if (authorization === undefined) return [401, { name: 'missing_api_key', message: 'Missing API key.' }]
    if (authorization !== `Bearer ${apiKey}`) return [403, { name: 'invalid_api_key', message: 'API key is invalid.' }]
    if (typeof key !== 'string') return [400, { name: 'invalid_idempotency_key', message: 'There is no key.' }]
    accepted += 1
    if (!mails.has(key)) mails.set(key, JSON.parse(body) as SentMail)
    return [200, { id: key }]
  }
  const server = createServer((request, response) => void answer(request).then((reply) => write(response, ...reply)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/emails`,
    mails,
    accepted: () => accepted,
    setAway: (isAway) => void (away = isAway),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function write(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
