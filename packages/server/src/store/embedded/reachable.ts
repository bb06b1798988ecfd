import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SystemUser } from './system-user.ts'

/**
 * Whether the user may walk through every folder from `/` down to `folder` (which exists and has no symlink in it).
 * Root's own home is 0700 on many machines, so what lies below it is out of reach for the user PostgreSQL runs as.
 * Access lists beyond the mode bits are not looked at: at worst something is copied that need not be.
 */
export async function isReachable(folder: string, user: SystemUser): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at)
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
    if (((mode >> shift) & 0o1) === 0) return false
    if (at === dirname(at)) return true
  }
}
