import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { chooseSystemUser } from '../../packages/server/src/store/embedded/system-user.ts'
import { freePort } from './free-port.ts'
import { requireProgram } from './programs.ts'
import { tempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface PgBouncer extends AsyncDisposable {
  readonly url: string
}

/** PgBouncer in transaction mode before one database, with fewer server connections than it has clients. */
export async function startPgBouncer(target: string, poolSize = 3): Promise<PgBouncer> {
  const program = await requireProgram('pgbouncer', 'pgbouncer')
  const { hostname, port: serverPort, username, password, pathname } = new URL(target)
  const folder = await tempDir('pgbouncer')
  const user = await chooseSystemUser(undefined, () => undefined)
  const port = await freePort()
  const database = `host=${hostname} port=${serverPort} dbname=${pathname.slice(1)} user=${username} password=${password}`
  const file = join(folder.path, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
pooled = ${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
`,
  )
  await chmod(file, 0o644)
  // It refuses to run as root.
  const child = spawn(program, ['-q', file], {
    cwd: '/',
    stdio: 'ignore',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
    await folder.remove()
  }
  try {
    await waitFor(`PgBouncer on port ${port}`, async () => {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with code ${child.exitCode}`)
      return listens(port)
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `postgres://app@127.0.0.1:${port}/pooled`, [Symbol.asyncDispose]: stop }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => (resolve(true), socket.destroy()))
    socket.once('error', () => resolve(false))
  })
}
