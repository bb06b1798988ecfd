import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Docker from 'dockerode'
import { startDaemon } from './daemon.ts'
import { answers } from './dockerd.ts'
import { killProcessesOf, unmountBelow } from './leftovers.ts'
import { runProgram } from '../../packages/server/src/store/embedded/run-program.ts'
import { requireProgram } from './programs.ts'
import { tempDir, type TempDir } from './temp-dir.ts'

export interface Podman extends AsyncDisposable {
  readonly socketPath: string
  readonly engine: Docker
  stop(): Promise<void>
}

/**
 * A Podman service of our own on a private socket: storage, state and configuration are shared with nobody.
 * Runs where the suite runs: with runc (crun refuses hybrid cgroups), cgroupfs, and limits it has the right to set.
 */
export async function startPodman(): Promise<Podman> {
  const program = await requireProgram('podman', 'podman')
  await requireProgram('runc', 'runc')
  const init = await requireProgram('tini-static', 'tini')
  const dir = await tempDir('podman')
  const socketPath = join(dir.path, 'podman.sock')
  const undo = async () => {
    await killProcessesOf(dir.path)
    await unmountBelow(dir.path)
    await dir.remove()
  }
  try {
    const env = await configure(dir, init)
    const engine = new Docker({ socketPath })
    const daemon = await startDaemon({
      program,
      args: [...storage(dir), 'system', 'service', '--time', '0', `unix://${socketPath}`],
      env,
      logFile: join(dir.path, 'podman.log'),
      ready: async () => answers(engine),
    })
    const stop = async () => {
      const args = [...storage(dir), 'rm', '--all', '--force', '--time', '0']
      const { exitCode, output } = await runProgram(program, args, { env })
      await daemon.stop()
      await undo()
      if (exitCode !== 0) throw new Error(`podman rm failed: ${output}`)
    }
    return { socketPath, engine, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await undo()
    throw error
  }
}

function storage(dir: TempDir): string[] {
  const at = (name: string) => join(dir.path, name)
  return [
    '--root',
    at('storage'),
    '--runroot',
    at('run'),
    '--tmpdir',
    at('tmp'),
    '--network-config-dir',
    at('networks'),
  ]
}

async function configure(dir: TempDir, init: string): Promise<NodeJS.ProcessEnv> {
  const containers = join(dir.path, 'containers.conf')
  const policy = join(dir.path, 'policy.json')
  const registries = join(dir.path, 'registries.conf')
  const lines = [
    '[containers]',
    'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
    'log_driver = "k8s-file"',
    '[engine]',
    `init_path = "${init}"`,
    'runtime = "runc"',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    '[network]',
    'default_subnet = "10.203.0.0/24"',
  ]
  await writeFile(containers, `${lines.join('\n')}\n`)
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  await writeFile(
    registries,
    'unqualified-search-registries = []\n[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n',
  )
  return {
    PATH: process.env['PATH'],
    HOME: dir.path,
    CONTAINERS_CONF: containers,
    CONTAINERS_REGISTRIES_CONF: registries,
    XDG_CONFIG_HOME: dir.path,
  }
}
