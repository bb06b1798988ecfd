import { stat } from 'node:fs/promises'
import { codeOf, EmbeddedPostgresError } from './embedded-error.ts'
import { runProgram } from './run-program.ts'

/** The system user that PostgreSQL runs as, when we are root ourselves. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. Not root: `undefined`, it runs as ourselves. Root: the owner of the data folder if
 * there is one (so that a `postgres` user installed later changes nothing), else the user `postgres`, else `pandastack`
 * (made by `useradd --system` if need be), else `nobody`.
 *
 * @throws EmbeddedPostgresError `user_missing`, `folder_unsafe` (the data belongs to root or to somebody else)
 */
export async function chooseSystemUser(
  dataRoot: string | undefined,
  log: (line: string) => void,
  names: { readonly existing: string; readonly own: string } = { existing: 'postgres', own: 'pandastack' },
): Promise<SystemUser | undefined> {
  const ownUid = process.getuid?.()
  if (ownUid === undefined) return undefined
  const owner = dataRoot === undefined ? undefined : await stat(dataRoot)
  if (owner !== undefined && (owner.uid === 0 || (ownUid !== 0 && owner.uid !== ownUid))) {
    throw new EmbeddedPostgresError('folder_unsafe', `${dataRoot} belongs to user id ${owner.uid}`, {
      hint: 'Start the server as the user that it was first started as, or choose another PANDA_HOME.',
    })
  }
  if (ownUid !== 0) return undefined
  if (owner !== undefined) return { name: `user id ${owner.uid}`, uid: owner.uid, gid: owner.gid }
  const found = (await findUser(names.existing)) ?? (await findUser(names.own))
  return found ?? (await createUser(names.own, log)) ?? (await nobody(names.own, log))
}

/** Asks `id`, not /etc/passwd, so that users from a directory service are found too. */
async function findUser(name: string): Promise<SystemUser | undefined> {
  const [uid, gid] = await Promise.all([runProgram('id', ['-u', name]), runProgram('id', ['-g', name])])
  if (uid.exitCode !== 0 || gid.exitCode !== 0) return undefined
  return { name, uid: Number.parseInt(uid.output, 10), gid: Number.parseInt(gid.output, 10) }
}

async function createUser(name: string, log: (line: string) => void): Promise<SystemUser | undefined> {
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', name]
  try {
    const made = await runProgram('useradd', args)
    if (made.exitCode === 0) log(`created the system user ${name} for the embedded PostgreSQL`)
    else log(`useradd ${args.join(' ')} failed: ${made.output.trim()}`)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    log('no useradd on this machine to make a system user with')
  }
  // Looked up even after a failure: another server may have made the user at the same moment.
  return findUser(name)
}

async function nobody(ownName: string, log: (line: string) => void): Promise<SystemUser> {
  const user = await findUser('nobody')
  if (user === undefined || user.uid === 0) {
    throw new EmbeddedPostgresError('user_missing', 'there is no unprivileged user that PostgreSQL could run as', {
      hint: `Make one with "useradd --system ${ownName}", start the server as another user than root, or set DATABASE_URL.`,
    })
  }
  log('the embedded PostgreSQL runs as the user nobody')
  return user
}
