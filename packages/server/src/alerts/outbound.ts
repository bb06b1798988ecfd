import * as http from 'node:http'
import * as https from 'node:https'
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent'

/**
 * The one client for addresses that users name. It checks the address that is really connected to, follows no
 * redirect, and gives nothing of the answer's body back, so it cannot be used to look into the server's network.
 */
export interface Outbound {
  /**
   * Posts and resolves when the answer is 2xx.
   *
   * @throws OutboundError otherwise; its message holds no part of the answer's body.
   */
  post(url: string, body: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void>
  close(): void
}

export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  /** The address itself is refused: another try cannot help. */
  readonly refused: boolean
  readonly retryAfterMs: number | null

  constructor(message: string, options: { refused?: boolean; retryAfterMs?: number | null; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.refused = options.refused ?? false
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** The whole exchange, in milliseconds. */
const TIMEOUT_MS = 10_000
/** A receiver that sends more than this back is cut off. */
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_RETRY_AFTER_MS = 3_600_000

/** @param allow addresses and CIDR ranges that may be called although they are private. Default none. */
export function createOutbound(allow: readonly string[] = []): Outbound {
  const options = { allowIPAddressList: [...allow], keepAlive: false }
  const agents = { 'http:': new RequestFilteringHttpAgent(options), 'https:': new RequestFilteringHttpsAgent(options) }

  return {
    post(address, body, headers, signal) {
      const url = new URL(address)
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        return Promise.reject(new OutboundError(`${url.protocol} addresses are not called`, { refused: true }))
      }
      const request = (url.protocol === 'http:' ? http : https).request(url, {
        method: 'POST',
        agent: agents[url.protocol],
        headers: { 'user-agent': 'PandaStack', 'content-length': Buffer.byteLength(body), ...headers },
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]),
      })
      return exchange(request, body)
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function exchange(request: http.ClientRequest, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request.once('error', (error) => reject(explain(error)))
    request.once('response', (response) => {
      let received = 0
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received > MAX_ANSWER_BYTES) request.destroy(new OutboundError('the receiver sent back more than 64 KiB'))
      })
      response.once('end', () => {
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) resolve()
        else
          reject(
            new OutboundError(`the receiver answered ${status}`, {
              retryAfterMs: retryAfter(response.headers['retry-after']),
            }),
          )
      })
      response.once('error', (error) => reject(explain(error)))
    })
    request.end(body)
  })
}

function explain(error: Error): OutboundError {
  if (error instanceof OutboundError) return error
  if (error.name === 'TimeoutError')
    return new OutboundError(`no answer within ${TIMEOUT_MS / 1000} s`, { cause: error })
  if (error.message.includes('is not allowed. Because')) {
    return new OutboundError("the address is private; the server's PANDA_ALERT_ALLOW must list it", {
      refused: true,
      cause: error,
    })
  }
  return new OutboundError(error.message, { cause: error })
}

function retryAfter(header: string | undefined): number | null {
  const seconds = Number(header)
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0
    ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS)
    : null
}
