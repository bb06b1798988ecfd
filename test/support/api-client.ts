import type { Problem } from '../../packages/contract/src/index.ts'

export interface Reply<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is, with this content type; default: the body as JSON. */
  readonly raw?: { readonly type: string; readonly text: string }
  readonly signal?: AbortSignal
}

/** The plainest client of the API: real HTTP, nothing hidden. */
export class Client {
  readonly url: string
  readonly token: string | null

  constructor(url: string, token: string | null) {
    this.url = url
    this.token = token
  }

  async call<T = Problem>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Reply<T>> {
    const response = await this.fetch(method, path, body, options)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? undefined : JSON.parse(text)) as T,
    }
  }

  /** The bare response, e.g. for a stream. */
  fetch(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Response> {
    const raw =
      options.raw ?? (body === undefined ? undefined : { type: 'application/json', text: JSON.stringify(body) })
    return fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
        ...(raw && { 'content-type': raw.type }),
        ...options.headers,
      },
      ...(raw && { body: raw.text }),
      ...(options.signal && { signal: options.signal }),
    })
  }

  /** The body of a call that must succeed. @throws with the problem document otherwise */
  async ok<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    const reply = await this.call<T>(method, path, body, options)
    if (reply.status < 400) return reply.body
    throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
  }
}
