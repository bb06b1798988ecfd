import Docker from 'dockerode'
import { type Dockerd, type DockerdOptions, startDockerd } from './dockerd.ts'
import { sharedService } from './shared-services.ts'

export interface SharedDocker {
  readonly socketPath: string
  readonly engine: Docker
}

/** The run's Docker engine, for every test that does not harm it. Started at the first call of the run. */
export async function sharedDocker(): Promise<SharedDocker> {
  const { socketPath } = await sharedService('docker')
  if (socketPath === undefined) throw new Error('the shared Docker engine told no socket')
  return { socketPath, engine: new Docker({ socketPath }) }
}

export interface PrivateDocker extends Dockerd, AsyncDisposable {
  readonly engine: Docker
}

/** An engine for this test alone, which may kill it. About 1 s to start. Stop it, or hold it with `await using`. */
export async function privateDocker(options: DockerdOptions = {}): Promise<PrivateDocker> {
  const dockerd = await startDockerd(options)
  const engine = new Docker({ socketPath: dockerd.socketPath })
  return { ...dockerd, engine, [Symbol.asyncDispose]: async () => dockerd.stop() }
}

/**
 * Fails when containers or networks of PandaStack are left on the engine: call it at the end of a test file.
 * Test files share an engine and run at the same time, so name the installation whose units are meant; without it
 * everything with a `panda.` label counts.
 */
export async function leakCheck(socketPath: string, installation?: string): Promise<void> {
  const engine = new Docker({ socketPath })
  const [containers, networks] = await Promise.all([engine.listContainers({ all: true }), engine.listNetworks()])
  const left = [
    ...containers
      .filter(({ Labels }) => isOurs(Labels, installation))
      .map(({ Names }) => `container ${Names.join(' ')}`),
    ...networks.filter(({ Labels }) => isOurs(Labels, installation)).map(({ Name }) => `network ${Name}`),
  ]
  if (left.length > 0) throw new Error(`left on the Docker engine: ${left.join(', ')}`)
}

function isOurs(
  labels: Readonly<Record<string, string>> | null | undefined,
  installation: string | undefined,
): boolean {
  if (installation !== undefined) return labels?.['panda.installation'] === installation
  return Object.keys(labels ?? {}).some((key) => key.startsWith('panda.'))
}
