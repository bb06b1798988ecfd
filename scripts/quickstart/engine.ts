import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { bridgeAddress } from '../../test/support/bridge.ts'
import { startDockerd } from '../../test/support/dockerd.ts'
import { testImage } from '../../test/support/images.ts'
import { findProgram, requireProgram } from '../../test/support/programs.ts'
import { say, step } from './say.ts'

/** What the show runs on. */
export interface Engine {
  readonly runtime: 'docker' | 'process'
  /** For DOCKER_HOST. */
  readonly dockerHost: string | null
  readonly image: string
  /** This machine as the show's containers or processes see it. */
  readonly hostAddress: string
  /** The words that start a file of examples/. */
  readonly program: (file: string) => string[]
  stop(): Promise<void>
}

const SOCKET = '/var/run/docker.sock'
const EXAMPLES = join(import.meta.dirname, '../../examples')

/** An engine that answers, else one that is installed and started for the show, else plain processes. */
export async function findEngine(): Promise<Engine> {
  step('looking for a container engine')
  try {
    const engine = (await answeringEngine()) ?? (await ownEngine())
    if (engine !== null) return engine
    say('  none. Install Docker for real containers, see https://docs.docker.com/engine/install/')
  } catch (error) {
    say(`  it cannot run the show: ${error instanceof Error ? error.message : String(error)}`)
  }
  say('  cronjobs and apps run as plain processes of this machine, without any isolation.')
  return {
    runtime: 'process',
    dockerHost: null,
    image: 'your-org/examples',
    hostAddress: '127.0.0.1',
    program: (file) => [process.execPath, join(EXAMPLES, file)],
    stop: async () => {},
  }
}

async function answeringEngine(): Promise<Engine | null> {
  const host = process.env['DOCKER_HOST']
  if (host === undefined && !existsSync(SOCKET)) return null
  const engine = host === undefined ? new Docker({ socketPath: SOCKET }) : new Docker()
  try {
    const { Version } = await engine.version()
    say(`  Docker ${Version} answers at ${host ?? SOCKET}`)
  } catch (error) {
    say(`  ${host ?? SOCKET} does not answer: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
  return containers(engine, host ?? `unix://${SOCKET}`, async () => {})
}

/** Only root on Debian or Ubuntu can be given one. */
async function ownEngine(): Promise<Engine | null> {
  if (process.getuid?.() !== 0 || !(await findProgram('apt-get'))) return null
  if (!(await findProgram('dockerd'))) say('  none: installing the Debian package docker.io …')
  await requireProgram('dockerd', 'docker.io')
  say('  starting a Docker engine for the show (it ends with it) …')
  const dockerd = await startDockerd()
  try {
    const engine = new Docker({ socketPath: dockerd.socketPath })
    return await containers(engine, `unix://${dockerd.socketPath}`, () => dockerd.stop())
  } catch (error) {
    await dockerd.stop()
    throw error
  }
}

/** @throws when the engine is not one of this machine: its containers would not reach the show's mail service */
async function containers(engine: Docker, dockerHost: string, stop: () => Promise<void>): Promise<Engine> {
  const hostAddress = await bridgeAddress(engine)
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  if (process.platform !== 'linux' || !own.some(({ address }) => address === hostAddress)) {
    throw new Error('its containers run on another machine (or a virtual one) and do not reach this one')
  }
  say("  building an image of the examples from this machine's node, the built SDK and their packages …")
  const image = await testImage('examples', engine)
  return {
    runtime: 'docker',
    dockerHost,
    image,
    hostAddress,
    program: (file) => ['node', file],
    stop: async () => {
      // The server removes a container some moments after it has ended, and does not wait for those of cronjobs.
      for (const { Id } of await engine.listContainers({ all: true, filters: { ancestor: [image] } })) {
        await engine.getContainer(Id).remove({ force: true })
      }
      await engine.getImage(image).remove()
      await stop()
    },
  }
}
