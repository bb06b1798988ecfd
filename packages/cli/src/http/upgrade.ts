import { request as httpRequest, type RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import { Answer } from './request.ts'

export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly protocol: string
  /** Until the answer's head is there. */
  readonly signal: AbortSignal
}

/**
 * Asks for a connection in both directions. @returns it, or the answer when there is none
 *
 * @throws the system's error when the exchange fails below HTTP, the signal's reason when it is aborted
 */
export async function upgrade(url: URL, { headers, protocol, signal }: UpgradeRequest): Promise<Socket | Answer> {
  const start = url.protocol === 'https:' ? (await import('node:https')).request : httpRequest
  const offer = { connection: 'Upgrade', upgrade: protocol, 'content-length': '0' }
  const options: RequestOptions = { method: 'POST', headers: { ...headers, ...offer } }
  return new Promise((resolve, reject) => {
    const exchange = start(url, options)
    const onAbort = (): void => void exchange.destroy(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    const answered = (answer: Socket | Answer): void => {
      signal.removeEventListener('abort', onAbort)
      resolve(answer)
    }
    exchange.on('error', (error) => {
      signal.removeEventListener('abort', onAbort)
      reject(error)
    })
    exchange.on('response', (response) => answered(new Answer(response)))
    exchange.on('upgrade', (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      answered(socket)
    })
    exchange.end()
  })
}
