import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import Docker from 'dockerode'
import { processIdentity } from '../../packages/server/src/store/embedded/process-identity.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { killProcessesOf, unmountBelow } from './leftovers.ts'
import { requireProgram, runOrFail } from './programs.ts'
import { tempDir, type TempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface DockerdOptions {
  /** Containers go on running while the daemon is away. Default false. */
  readonly liveRestore?: boolean
  /**
   * In a network namespace of its own, with the packet filter rules that an engine makes by default: they would get in
   * the way of other engines on this machine. Nothing outside of it is reached then. Default false.
   */
  readonly ownNetwork?: boolean
  /** Prefix length of the network of a project, 25 to 28. Default 28: 13 containers, and 16 such networks. */
  readonly networkPrefix?: number
}

/** A Docker engine of our own: data, state, socket, bridge and containerd namespace shared with nobody. */
export interface Dockerd {
  readonly socketPath: string
  readonly pid: () => number
  /** SIGKILL. Without `liveRestore` the containers end at the next start. */
  kill(): Promise<void>
  /** Starts it again, after a kill or in good order. */
  restart(): Promise<void>
  /** Removes the containers and networks, stops the engine and whatever it has started, removes its folder. */
  stop(): Promise<void>
}

export async function startDockerd(options: DockerdOptions = {}): Promise<Dockerd> {
  if (process.getuid?.() !== 0) throw new Error('the tests need a Docker engine: set DOCKER_HOST, or run them as root')
  const program = await requireProgram('dockerd', 'docker.io')
  const ip = await requireProgram('ip', 'iproute2')
  const dir = await tempDir('dockerd')
  const id = randomBytes(4).toString('hex')
  const bridge = `pd${id}`
  const place = options.ownNetwork === true ? await ownNetwork(ip, bridge) : SHARED_NETWORK
  const net = await freeNet(ip)
  const undoFolder = async () => {
    await killProcessesOf(dir.path)
    await unmountBelow(dir.path)
    await runOrFail(ip, [...place.ip, 'link', 'delete', bridge])
    await place.remove()
    await dir.remove()
  }
  await runOrFail(ip, [...place.ip, 'link', 'add', 'name', bridge, 'type', 'bridge'])
  try {
    await runOrFail(ip, [...place.ip, 'address', 'add', `10.201.${net}.1/24`, 'dev', bridge])
    const args = dockerdArguments(dir, { id, bridge, net, ...options })
    const [command, ...before] = [...place.enter, program]
    const launch = async () => launchDockerd(command, [...before, ...args], dir)
    return control(await launch(), launch, dir, undoFolder)
  } catch (error) {
    await undoFolder()
    throw error
  }
}

/** Where an engine has its network: what goes before `ip`'s and the engine's own arguments there. */
interface NetworkPlace {
  readonly ip: readonly string[]
  readonly enter: readonly string[]
  readonly remove: () => Promise<void>
}

const SHARED_NETWORK: NetworkPlace = { ip: [], enter: [], remove: async () => undefined }

async function ownNetwork(ip: string, name: string): Promise<NetworkPlace> {
  const nsenter = await requireProgram('nsenter', 'util-linux')
  await runOrFail(ip, ['netns', 'add', name])
  await runOrFail(ip, ['-netns', name, 'link', 'set', 'lo', 'up'])
  return {
    ip: ['-netns', name],
    enter: [nsenter, `--net=/run/netns/${name}`],
    remove: async () => void (await runOrFail(ip, ['netns', 'delete', name])),
  }
}

/** Every engine has 10.201.N.0/24 for its bridge and 10.202.N.0/24 for its networks. The N of the running ones are taken. */
async function freeNet(ip: string): Promise<number> {
  const addresses = await runOrFail(ip, ['-oneline', '-4', 'address', 'show'])
  const free = Array.from({ length: 254 }, (_, index) => index + 1).filter(
    (net) => !addresses.includes(` 10.201.${net}.`),
  )
  // By chance among those, since another test run may be choosing at the same moment.
  const chosen = free[Math.floor(Math.random() * free.length)]
  if (chosen === undefined)
    throw new Error('all of 10.201.0.0/16 is taken by Docker engines of tests: remove bridges pd*')
  return chosen
}

function dockerdArguments(
  dir: TempDir,
  own: DockerdOptions & { readonly id: string; readonly bridge: string; readonly net: number },
): string[] {
  const at = (name: string) => join(dir.path, name)
  return [
    ['--data-root', at('data')],
    ['--exec-root', at('exec')],
    ['--pidfile', at('pid')],
    ['--host', `unix://${at('docker.sock')}`],
    ['--containerd-namespace', `panda-${own.id}`],
    ['--containerd-plugins-namespace', `panda-plugins-${own.id}`],
    ['--bridge', own.bridge],
    ['--default-address-pool', `base=10.202.${own.net}.0/24,size=${own.networkPrefix ?? 28}`],
    // Engines on one machine would undo each other's rules, and the tests reach nothing beyond this machine.
    own.ownNetwork === true ? [] : ['--iptables=false', '--ip-forward=false'],
    [`--live-restore=${own.liveRestore ?? false}`],
    ['--log-level', 'warn'],
    ['--shutdown-timeout', '5'],
  ].flat()
}

async function launchDockerd(program: string, args: readonly string[], dir: TempDir): Promise<Daemon> {
  const engine = new Docker({ socketPath: join(dir.path, 'docker.sock') })
  return startDaemon({
    program,
    args,
    // A dying engine writes its containerd's stacks to the temp folder.
    env: { ...process.env, TMPDIR: dir.path },
    logFile: join(dir.path, 'dockerd.log'),
    ready: async () => answers(engine),
  })
}

function control(first: Daemon, launch: () => Promise<Daemon>, dir: TempDir, undoFolder: () => Promise<void>): Dockerd {
  const socketPath = join(dir.path, 'docker.sock')
  let daemon = first
  let stopped: Promise<void> | undefined
  const stopOnce = async () => {
    // Only the engine itself can take its containers' networks and mounts apart properly.
    if (daemon.hasExited()) daemon = await launch()
    await removeAll(new Docker({ socketPath }))
    await daemon.stop(20_000)
    await undoFolder()
  }
  return {
    socketPath,
    pid: () => daemon.pid,
    kill: async () => {
      await daemon.signal('SIGKILL')
      await forgetContainerd(dir)
    },
    restart: async () => {
      if (!daemon.hasExited()) await daemon.stop(20_000)
      daemon = await launch()
    },
    stop: async () => (stopped ??= stopOnce()),
  }
}

/**
 * The engine's own containerd dies with it. Its pid file stays, and where nobody reaps orphans at once (a container's
 * pid 1) the next engine would take the zombie for a living containerd and wait for it in vain.
 */
async function forgetContainerd(dir: TempDir): Promise<void> {
  const path = join(dir.path, 'exec', 'containerd', 'containerd.pid')
  const pid = Number.parseInt(await readFile(path, 'utf8'), 10)
  await waitFor(`containerd (pid ${pid}) to follow its engine`, () => processIdentity(pid) === undefined)
  await rm(path)
}

export async function answers(engine: Docker): Promise<boolean> {
  try {
    await engine.ping()
    return true
  } catch {
    // Whatever the reason, the caller asks again and has its own limit, with the daemon's log as the reason.
    return false
  }
}

const builtIn = new Set(['bridge', 'host', 'none'])

async function removeAll(engine: Docker): Promise<void> {
  const containers = await engine.listContainers({ all: true })
  await Promise.all(containers.map(async ({ Id }) => engine.getContainer(Id).remove({ force: true, v: true })))
  const networks = (await engine.listNetworks()).filter(({ Name }) => !builtIn.has(Name))
  await Promise.all(networks.map(async ({ Id }) => void (await engine.getNetwork(Id).remove())))
}
