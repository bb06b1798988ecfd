import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Tells the CLI on this machine where the server of this home listens. */
export interface ServerFile {
  readonly url: string
  readonly pid: number
}

const nameOf = (home: string): string => join(home, 'server.json')

/** Atomically, so that no reader ever sees half of it. */
export async function writeServerFile(home: string, content: ServerFile): Promise<void> {
  const fresh = `${nameOf(home)}.${content.pid}`
  await writeFile(fresh, `${JSON.stringify(content)}\n`, { mode: 0o600 })
  await rename(fresh, nameOf(home))
}

/** Removes it unless another server has written its own meanwhile. */
export async function removeServerFile(home: string, mine: ServerFile): Promise<void> {
  const file = nameOf(home)
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof found === 'object' && found !== null && 'url' in found && found.url === mine.url) await rm(file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
