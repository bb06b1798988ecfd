/*
 * Packages that `panda` loads as they are, and only for the commands that need them: they start threads and programs
 * from their own files, so they cannot be part of the bundle. The bundle has this file beside it.
 */

export const loadServer = () => import('@pandastack/server')
export const loadQueueSdk = () => import('@pandastack/sdk/queue')
export const loadEventSdk = () => import('@pandastack/sdk/events')

/** Of the user: by its URL. TypeScript goes by tsx where that is there and Node cannot read it alone. */
export async function importModule(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')) throw error
    const { createRequire } = await import('node:module')
    let tsx: string
    try {
      // Found as CommonJS finds it; the other half of tsx lies beside it.
      tsx = createRequire(url)
        .resolve('tsx/esm/api')
        .replace(/\.cjs$/, '.mjs')
    } catch {
      throw error
    }
    const { pathToFileURL } = await import('node:url')
    const { tsImport } = (await import(pathToFileURL(tsx).href)) as { tsImport: (url: string, from: string) => unknown }
    return (await tsImport(url, url)) as Record<string, unknown>
  }
}
