import { statfs } from 'node:fs/promises'
import { messageOf } from '../store/embedded/embedded-error.ts'

/** PostgreSQL writes its journal in files of 16 MiB; with less room than one it may stop at any time. */
export const LEAST_ROOM_BYTES = 16 * 1024 * 1024

/**
 * Why the embedded database cannot keep what it is given, in a sentence; null = there is room.
 *
 * @param folder of the data; links are followed
 */
export async function fullDisk(folder: string): Promise<string | null> {
  try {
    const { bavail, bsize } = await statfs(folder)
    const freeBytes = bavail * bsize
    if (freeBytes >= LEAST_ROOM_BYTES) return null
    const mebibytes = Math.floor(freeBytes / 1024 ** 2)
    return `the disk that holds the database in ${folder} is full (${mebibytes} MiB left, ${LEAST_ROOM_BYTES / 1024 ** 2} MiB are needed)`
  } catch (error) {
    return `the folder of the database, ${folder}, cannot be looked at: ${messageOf(error)}`
  }
}
