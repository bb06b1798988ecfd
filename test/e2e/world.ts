import { join } from 'node:path'
import { ServerProcess } from '../chaos/server-process.ts'
import { leakCheck, type SharedDocker, sharedDocker } from '../support/docker.ts'
import { pushedImage } from '../support/images.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { sharedRegistry } from '../support/registry.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { Panda } from './panda.ts'

export interface World extends AsyncDisposable {
  readonly panda: Panda
  readonly server: ServerProcess
  readonly home: TempDir
  readonly database: MigratedDatabase
  /** `127.0.0.1:port` of the open registry that images are pulled from. */
  readonly registry: string
  /** busybox, to be pulled from {@link registry}; the engine has no copy under that name. */
  readonly image: string
  readonly docker: SharedDocker
  /** Labels every container and network of this world. */
  readonly installation: string
}

/** What a command line of a user on the server's machine has in its environment. */
export function userEnvironment(home: string): Record<string, string> {
  return { PANDA_HOME: home, HOME: home, PANDA_CONFIG: join(home, 'cli.json') }
}

/** `panda server` from the build on a real engine, a database of its own, and the CLI that finds it by its home. */
export async function startWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const docker = await sharedDocker()
  const [{ host: registry }, { reference: image }] = await Promise.all([sharedRegistry(), pushedImage('busybox')])
  const home = await tempDir('home')
  const database = await migratedDatabase()
  const server = new ServerProcess({
    home: home.path,
    databaseUrl: database.url,
    env: { DOCKER_HOST: `unix://${docker.socketPath}`, PANDA_RUNTIME: 'docker', ...env },
  })
  const cleanUp = async (): Promise<void> => {
    await server.stop()
    await database[Symbol.asyncDispose]()
    await home.remove()
  }
  try {
    await server.start()
    const { id: installation } = await database.db.selectFrom('installation').select('id').executeTakeFirstOrThrow()
    const panda = new Panda(userEnvironment(home.path))
    return { panda, server, home, database, registry, image, docker, installation, [Symbol.asyncDispose]: cleanUp }
  } catch (error) {
    await cleanUp()
    throw error
  }
}

/**
 * Deletes every cronjob and project by the CLI, waits until the server has removed their containers, stops it, and
 * fails when something is left on the engine.
 */
export async function endWorld(world: World): Promise<void> {
  const { panda, docker, installation } = world
  try {
    for (const project of (await panda.ok(['project', 'list', '-o', 'name'])).trim().split('\n')) {
      const names = (await panda.ok(['cronjob', 'list', '-p', project, '-o', 'name'])).split('\n')
      for (const name of names.filter((each) => each !== '')) {
        await panda.ok(['cronjob', 'delete', name, '-p', project, '--yes'])
      }
    }
    await waitFor('the containers to be removed', () => noContainers(world), 30_000)
    await world.server.stop()
    await leakCheck(docker.socketPath, installation)
  } finally {
    await world[Symbol.asyncDispose]()
  }
}

async function noContainers({ docker, installation }: World): Promise<boolean> {
  const filters = { label: [`panda.installation=${installation}`] }
  return (await docker.engine.listContainers({ all: true, filters })).length === 0
}
