import type { FastifyInstance } from 'fastify'

/** Calls that are under way may take so long to end; then their connections are cut. */
const CALLS_LIMIT_MS = 10_000
/** A connection that goes idle meanwhile, or was opened and never used, is closed within this time. */
const SWEEP_EVERY_MS = 50

/** Takes no new calls, ends open streams, lets calls that are under way end. */
export async function closeApi(api: FastifyInstance, stopping: AbortController): Promise<void> {
  stopping.abort()
  const sweep = setInterval(() => api.server.closeIdleConnections(), SWEEP_EVERY_MS)
  const cut = setTimeout(() => api.server.closeAllConnections(), CALLS_LIMIT_MS)
  try {
    await api.close()
  } finally {
    clearInterval(sweep)
    clearTimeout(cut)
  }
}
