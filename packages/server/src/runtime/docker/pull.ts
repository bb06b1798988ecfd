import type { ImageReference } from '@pandastack/contract'
import { formatImageReference } from '@pandastack/contract'
import { z } from 'zod'
import type { RegistryAuth, RuntimeErrorCode } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { linesOf } from './lines.ts'
import { MACHINE_TROUBLE } from './start-refusal.ts'

const PROGRESS = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  errorDetail: z.object({ message: z.string().optional() }).optional(),
})

export interface PullOptions {
  readonly auth: RegistryAuth | null
  readonly onProgress: ((line: string) => void) | undefined
  readonly signal: AbortSignal | undefined
  /** A pull that tells nothing new for so long is given up. */
  readonly noProgressMs: number
}

/**
 * @throws RuntimeError `image-not-found`, `registry-refused`, `registry-away` in the registry's own words; `engine-away`
 * also when the engine's machine has no room or memory for it
 */
export async function pullImage(api: EngineApi, reference: ImageReference, options: PullOptions): Promise<void> {
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(), options.noProgressMs)
  const onAbort = () => stalled.abort()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    options.signal?.throwIfAborted()
    await pull(api, reference, options, stalled.signal, () => timer.refresh())
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason
    if (!stalled.signal.aborted) throw error
    const name = formatImageReference(reference)
    const seconds = options.noProgressMs / 1000
    throw new RuntimeError('registry-away', `the pull of ${name} made no progress for ${seconds} s`, { cause: error })
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', onAbort)
  }
}

async function pull(
  api: EngineApi,
  reference: ImageReference,
  options: PullOptions,
  signal: AbortSignal,
  onNews: () => void,
): Promise<void> {
  const { registry, repository, tag, digest } = reference
  const query = { fromImage: `${registry}/${repository}`, tag: digest ?? tag ?? 'latest' }
  // Docker Hub's name for logins is its old address.
  const serveraddress = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
  const auth = options.auth === null ? {} : { auth: { ...options.auth, serveraddress } }
  const timeoutMs = 2 ** 31 - 1
  const response = await api.open({ method: 'POST', path: '/images/create', query, signal, timeoutMs, ...auth })
  try {
    if (response.statusCode !== 200) {
      throw pullError(refusal(await api.read(response, signal)), options.auth !== null)
    }
    let told = ''
    for await (const line of linesOf(response as AsyncIterable<Buffer>, api, signal)) {
      const news = PROGRESS.parse(JSON.parse(line))
      const error = news.errorDetail?.message ?? news.error
      if (error !== undefined) throw pullError(error, options.auth !== null)
      onNews()
      const text = [news.id, news.status].filter((part) => part !== undefined && part !== '').join(': ')
      if (text !== told) options.onProgress?.(text)
      told = text
    }
  } finally {
    response.destroy()
  }
}

/** In this order: Docker Hub says both "repository does not exist" and "denied" for what it does not show. */
const KINDS: readonly { readonly code: RuntimeErrorCode; readonly words: RegExp }[] = [
  {
    code: 'image-not-found',
    words: /manifest unknown|manifest for .+ not found|name unknown|no such image|not found: /i,
  },
  {
    code: 'registry-refused',
    words: /unauthorized|no basic auth|denied|forbidden|authentication required|\b40[13]\b/i,
  },
]
const HIDDEN = /repository does not exist or may require/i

export function pullError(message: string, withLogin: boolean): RuntimeError {
  if (MACHINE_TROUBLE.test(message)) return new RuntimeError('engine-away', message)
  const hidden = HIDDEN.test(message)
  if (hidden) return new RuntimeError(withLogin ? 'registry-refused' : 'image-not-found', message)
  const kind = KINDS.find(({ words }) => words.test(message))
  // What is left is the way to the registry: names, connections, time-outs, certificates, rate limits, its own errors.
  return new RuntimeError(kind?.code ?? 'registry-away', message)
}
