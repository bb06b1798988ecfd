import { startRegistry } from './registry.ts'
import type { RunningService } from './shared-services.ts'

/** `TEST_REGISTRY` (host:port of an open registry), else one of our own for this run. */
export async function startSharedRegistry(): Promise<RunningService> {
  const named = process.env['TEST_REGISTRY']
  if (named !== undefined && named !== '') return { values: { host: named }, stop: async () => undefined }
  const registry = await startRegistry()
  return { values: { host: registry.host }, stop: async () => registry.stop() }
}
