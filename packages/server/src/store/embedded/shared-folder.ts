import { mkdir, stat } from 'node:fs/promises'
import { EmbeddedPostgresError } from './embedded-error.ts'

/** Where things go that PostgreSQL's user cannot reach below the panda home or the installation. Root only. */
export const sharedFolder = '/var/lib/pandastack'

/** @throws EmbeddedPostgresError `folder_unsafe` when somebody else than root could exchange what lies in it */
export async function ensureSharedFolder(): Promise<string> {
  await mkdir(sharedFolder, { recursive: true, mode: 0o755 })
  const { uid, mode } = await stat(sharedFolder)
  if (uid !== 0 || (mode & 0o022) !== 0) {
    throw new EmbeddedPostgresError('folder_unsafe', `${sharedFolder} can be written by others than root`, {
      hint: `Run: chown root ${sharedFolder} && chmod 755 ${sharedFolder}`,
    })
  }
  return sharedFolder
}
