import { Agent, IncomingMessage } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { Socket } from 'node:net'
import { inspect } from 'node:util'
import Dockerode from 'dockerode'
import type { RegistryAuth } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import type { DockerEndpoint } from './endpoint.ts'
import { formatEndpoint } from './endpoint.ts'
import { Outages } from './outages.ts'

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: object
  readonly auth?: RegistryAuth & { readonly serveraddress: string }
  readonly signal?: AbortSignal | undefined
  /** For the response's head; for `call` also for its body. Default 10 s. */
  readonly timeoutMs?: number
}

export interface EngineAnswer {
  readonly status: number
  readonly body: unknown
}

const DEFAULT_TIMEOUT_MS = 10_000
const MAX_BODY_BYTES = 64 * 1024 * 1024
// The client turns a status that is not listed into an error without the engine's own text: we want to see them all.
const ANY_STATUS = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [index + 100, true]))

/**
 * Calls to the Engine API. It goes through dockerode's transport and not its methods: those hang for ever when the engine
 * dies between the head and the body of an answer, which is what `wait` looks like for hours.
 * Every rejection is a RuntimeError `engine-away` or the reason of the caller's own signal.
 */
export class EngineApi {
  readonly outages = new Outages()
  readonly address: string
  readonly #modem: Dockerode['modem']
  readonly #agent: Agent

  constructor(endpoint: DockerEndpoint) {
    this.address = formatEndpoint(endpoint)
    // Without keep-alive: a connection kept over an engine's restart would fail the first call after it.
    const secure = endpoint.kind === 'tcp' && endpoint.tls !== null
    this.#agent = withoutDetails(secure ? new TlsAgent({ keepAlive: false }) : new Agent({ keepAlive: false }))
    this.#modem = new Dockerode(transportOptions(endpoint, this.#agent)).modem
  }

  /** Sends and reads the whole answer, whatever its status. */
  async call(request: EngineRequest): Promise<EngineAnswer> {
    const limit = deadline(request)
    try {
      const response = await this.#dial(request, limit.signal)
      const text = await readText(response)
      return { status: response.statusCode ?? 0, body: parseBody(text) }
    } catch (error) {
      throw this.#translate(error, request, null)
    } finally {
      limit.headIn()
      limit.unlink()
    }
  }

  /** Sends and gives the answer's body to be read; only its head has the timeout. The reader must end or destroy it. */
  async open(request: EngineRequest): Promise<IncomingMessage> {
    const limit = deadline(request)
    try {
      const response = await this.#dial(request, limit.signal)
      response.once('close', limit.unlink)
      return response
    } catch (error) {
      limit.unlink()
      throw this.#translate(error, request, null)
    } finally {
      limit.headIn()
    }
  }

  /** Sends and takes the connection over, both ways. @returns the answer instead when the engine refuses. */
  async takeOver(request: EngineRequest): Promise<Socket | EngineAnswer> {
    const limit = deadline(request)
    try {
      const taken = await this.#dial(request, limit.signal, 'socket')
      if (taken instanceof Socket) return taken
      return { status: taken.statusCode ?? 0, body: parseBody(await readText(taken)) }
    } catch (error) {
      throw this.#translate(error, request, null)
    } finally {
      limit.headIn()
      limit.unlink()
    }
  }

  /** The whole body of a short answer that was opened. */
  async read(response: IncomingMessage, signal: AbortSignal | undefined): Promise<EngineAnswer> {
    try {
      return { status: response.statusCode ?? 0, body: parseBody(await readText(response)) }
    } catch (error) {
      throw this.broken(error, signal)
    }
  }

  /** What broke while an open body was read, in our words. Until then the engine was alive. */
  broken(error: unknown, signal: AbortSignal | undefined): unknown {
    return this.#translate(error, { signal }, Date.now())
  }

  close(): void {
    this.#agent.destroy()
  }

  async #dial(request: EngineRequest, signal: AbortSignal): Promise<IncomingMessage>
  async #dial(request: EngineRequest, signal: AbortSignal, want: 'socket'): Promise<IncomingMessage | Socket>
  async #dial(request: EngineRequest, signal: AbortSignal, want?: 'socket'): Promise<IncomingMessage | Socket> {
    signal.throwIfAborted()
    const response = await new Promise<IncomingMessage | Socket>((resolve, reject) => {
      const options = {
        method: request.method,
        // The client needs the `?` to add the query.
        path: `${request.path}?`,
        options: { _query: request.query ?? {}, _body: request.body ?? {} },
        statusCodes: ANY_STATUS,
        isStream: true,
        ...(want === 'socket' ? { hijack: true } : {}),
        abortSignal: signal,
        ...(request.auth === undefined ? {} : { authconfig: { ...request.auth } }),
      }
      this.#modem.dial(options, (error, result) => {
        if (error !== null) reject(error)
        else if (result instanceof IncomingMessage || (want === 'socket' && result instanceof Socket)) resolve(result)
        else reject(new Error('the engine gave no answer'))
      })
    })
    this.outages.contact()
    return response
  }

  #translate(
    error: unknown,
    request: Pick<EngineRequest, 'signal' | 'timeoutMs'>,
    aliveUntilMs: number | null,
  ): unknown {
    if (request.signal?.aborted) return request.signal.reason
    if (error instanceof RuntimeError) return error
    this.outages.away(aliveUntilMs)
    const cause = error instanceof Error ? error : new Error(String(error))
    const why =
      cause.name === 'AbortError' || cause.name === 'TimeoutError'
        ? `no answer within ${(request.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000} s`
        : cause.message
    return new RuntimeError('engine-away', `the engine at ${this.address} does not answer: ${why}`, { cause })
  }
}

/**
 * The client formats each request for its debug log, also when nobody reads that, and with it the agent and all of its open
 * connections: with twenty containers it was 70 % of what an idle server did.
 */
function withoutDetails(agent: Agent): Agent {
  return Object.defineProperty(agent, inspect.custom, { value: () => 'Agent' })
}

/** The engine's own words for a refusal. */
export function refusal(answer: EngineAnswer): string {
  const { body } = answer
  if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
    return body.message.trim()
  }
  return typeof body === 'string' && body !== '' ? body.trim() : `status ${answer.status}`
}

function transportOptions(endpoint: DockerEndpoint, agent: Agent): Dockerode.DockerOptions & { agent: Agent } {
  // Each field is named, also the empty ones: what is missing the client takes from DOCKER_HOST and its friends.
  const none = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined, timeout: undefined }
  if (endpoint.kind === 'unix') return { ...none, socketPath: endpoint.path, protocol: 'http', agent }
  const { host, port, tls } = endpoint
  return { ...none, socketPath: undefined, host, port, ...tls, protocol: tls === null ? 'http' : 'https', agent }
}

interface Deadline {
  readonly signal: AbortSignal
  readonly headIn: () => void
  readonly unlink: () => void
}

// Not AbortSignal.any: on Node 20 each use of a signal that lives as long as the server would stay in memory with it.
function deadline(request: EngineRequest): Deadline {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), request.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const onAbort = () => controller.abort()
  if (request.signal?.aborted) controller.abort()
  request.signal?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    headIn: () => clearTimeout(timer),
    unlink: () => request.signal?.removeEventListener('abort', onAbort),
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw new Error(`the answer is longer than ${MAX_BODY_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function parseBody(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    // Proxies in front of an engine answer in plain text or HTML.
    return text
  }
}
