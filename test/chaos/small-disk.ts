import { execFile } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { tempDir } from '../support/temp-dir.ts'

const run = promisify(execFile)
const CHUNK = Buffer.alloc(1024 * 1024, 1)

export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Writes until the file system takes no more. */
  fill(): Promise<void>
  /** Gives that room back. */
  makeRoom(): Promise<void>
}

/** Why a file system of our own cannot be mounted here; null = it can. */
export const WHY_NO_DISK: string | null =
  process.platform !== 'linux'
    ? 'a small file system is mounted with tmpfs, which is Linux only'
    : process.getuid?.() === 0
      ? null
      : 'mounting a small file system needs root'

/** A real file system of its own with that much room, mounted in a temp folder. */
export async function smallDisk(mebibytes: number): Promise<SmallDisk> {
  const dir = await tempDir('small-disk')
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0711`, 'tmpfs', dir.path])
  const ballast = join(dir.path, 'ballast')
  return {
    path: dir.path,
    fill: () => writeUntilFull(ballast),
    makeRoom: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', dir.path])
      await dir.remove()
    },
  }
}

/** In ever smaller pieces, so that not a byte is left. */
async function writeUntilFull(path: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    for (let size = CHUNK.length; size >= 1; size = size === CHUNK.length ? 4096 : Math.floor(size / 4096)) {
      while (await fits(file, CHUNK.subarray(0, size)));
    }
  } finally {
    await file.close()
  }
}

async function fits(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<boolean> {
  try {
    return (await file.write(bytes)).bytesWritten === bytes.length
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
