import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './embedded-error.ts'

export interface PostmasterPid {
  readonly pid: number
  /** Missing while the server is still on its way to its socket. */
  readonly port: number | undefined
}

/** Reads PostgreSQL's own lock file. `undefined` when there is none, or none with a pid in it. */
export async function readPostmasterPid(data: string): Promise<PostmasterPid | undefined> {
  let text: string
  try {
    text = await readFile(join(data, 'postmaster.pid'), 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  // Lines: pid, data folder, start time, port, socket folder, address, shared memory, status (PostgreSQL's pidfile.h).
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  const port = Number.parseInt(lines[3] ?? '', 10)
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  return { pid, port: Number.isSafeInteger(port) ? port : undefined }
}
