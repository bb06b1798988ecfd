import { existsSync } from 'node:fs'
import Docker from 'dockerode'
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
  readonly pull: 'missing' | 'never'
  stop(): Promise<void>
}

const SOCKET = '/var/run/docker.sock'
/** Docker Hub's own small image, for engines that we cannot build for. */
const PUBLIC_IMAGE = 'docker.io/library/busybox:stable'

/** An engine that answers, else one that is installed and started for the show, else plain processes. */
export async function findEngine(): Promise<Engine> {
  step('looking for a container engine')
  const found = await answeringEngine()
  if (found) return found
  if (process.getuid?.() === 0 && (await findProgram('apt-get'))) {
    try {
      return await ownEngine()
    } catch (error) {
      say(`  it cannot run here: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  say('  none: the cronjobs run as plain processes of this machine, without any isolation.')
  say('  Install Docker for real containers, see https://docs.docker.com/engine/install/')
  return { runtime: 'process', dockerHost: null, image: 'quickstart', pull: 'never', stop: async () => {} }
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
  return {
    runtime: 'docker',
    dockerHost: host ?? `unix://${SOCKET}`,
    ...(await imageFor(engine)),
    stop: async () => {},
  }
}

async function ownEngine(): Promise<Engine> {
  if (!(await findProgram('dockerd'))) say('  none: installing the Debian package docker.io …')
  await requireProgram('dockerd', 'docker.io')
  say('  starting a Docker engine for the show (it ends with it) …')
  const dockerd = await startDockerd()
  const engine = new Docker({ socketPath: dockerd.socketPath })
  const image = await imageFor(engine)
  return { runtime: 'docker', dockerHost: `unix://${dockerd.socketPath}`, ...image, stop: () => dockerd.stop() }
}

/** Built from this machine's own busybox where that can be had, so that no registry is needed. */
async function imageFor(engine: Docker): Promise<Pick<Engine, 'image' | 'pull'>> {
  const canBuild =
    (await findProgram('busybox')) ?? (process.getuid?.() === 0 ? await findProgram('apt-get') : undefined)
  if (canBuild === undefined) return { image: PUBLIC_IMAGE, pull: 'missing' }
  say("  building a small image from this machine's busybox …")
  return { image: await testImage('busybox', engine), pull: 'never' }
}
