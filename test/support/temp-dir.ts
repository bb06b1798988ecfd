import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends AsyncDisposable {
  readonly path: string
  remove(): Promise<void>
}

/**
 * A new folder below the system's temp folder, links resolved, removed by `remove` or `await using`.
 * Others may pass through it (0711): as root, PostgreSQL runs as another user in it.
 */
export async function tempDir(label = 'test'): Promise<TempDir> {
  const path = await realpath(await mkdtemp(join(tmpdir(), `panda-${label}-`)))
  await chmod(path, 0o711)
  const remove = async () => rm(path, { recursive: true, force: true, maxRetries: 3 })
  return { path, remove, [Symbol.asyncDispose]: remove }
}
