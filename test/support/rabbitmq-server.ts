import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { type Daemon, startDaemon } from './daemon.ts'
import { freePort } from './free-port.ts'
import { findProgram, requireProgram } from './programs.ts'
import { type TempDir, tempDir } from './temp-dir.ts'

/** A RabbitMQ of our own on free ports of 127.0.0.1, its data in a temp folder, epmd included. */
export interface RabbitServer {
  readonly host: string
  readonly port: number
  /** The management API, for what AMQP cannot do: vhosts, users, policies. */
  readonly adminUrl: string
  readonly pid: () => number
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again on the same ports and data, after a kill or in good order. */
  restart(): Promise<void>
  stop(): Promise<void>
}

interface Ports {
  readonly amqp: number
  readonly admin: number
  readonly distribution: number
  readonly epmd: number
}

export async function startRabbitServer(): Promise<RabbitServer> {
  const program = await serverScript()
  const epmdProgram = await requireProgram('epmd', 'erlang-base')
  const dir = await tempDir('rabbitmq')
  const ports = {
    amqp: await freePort(),
    admin: await freePort(),
    distribution: await freePort(),
    epmd: await freePort(),
  }
  await writeConfig(dir, ports)
  const env = environment(dir, ports)
  const epmd = await startDaemon({
    program: epmdProgram,
    args: ['-port', String(ports.epmd), '-address', '127.0.0.1'],
    env,
    logFile: join(dir.path, 'epmd.log'),
    // Else the server would start one of its own, which nobody stops.
    ready: async () => accepts(ports.epmd),
  })
  const adminUrl = `http://guest:guest@127.0.0.1:${ports.admin}`
  const launch = async () =>
    startDaemon({
      program,
      args: [],
      env,
      logFile: join(dir.path, 'rabbitmq.log'),
      ready: async () => isUp(adminUrl),
      readyLimitMs: 150_000,
    })
  const cleanUp = async () => {
    await epmd.stop()
    await dir.remove()
  }
  try {
    return control(await launch(), launch, { port: ports.amqp, adminUrl }, cleanUp)
  } catch (error) {
    await cleanUp()
    throw error
  }
}

/** The script below Debian's wrapper, which would change the user and with it the folders. */
async function serverScript(): Promise<string> {
  const inner = await findProgram('../lib/rabbitmq/bin/rabbitmq-server')
  if (inner !== undefined) return inner
  const wrapper = await requireProgram('rabbitmq-server', 'rabbitmq-server')
  return (await findProgram('../lib/rabbitmq/bin/rabbitmq-server')) ?? join(dirname(wrapper), 'rabbitmq-server')
}

async function writeConfig(dir: TempDir, ports: Ports): Promise<void> {
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    `management.tcp.ip = 127.0.0.1`,
    `management.tcp.port = ${ports.admin}`,
    'default_user = guest',
    'default_pass = guest',
    'log.console.level = warning',
    'vm_memory_high_watermark.relative = 0.8',
    'disk_free_limit.absolute = 50MB',
    'queue_leader_locator = client-local',
  ]
  await writeFile(join(dir.path, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
  await writeFile(join(dir.path, 'enabled_plugins'), '[rabbitmq_management].\n')
}

function environment(dir: TempDir, ports: Ports): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    // Its cookie and its own small files go there.
    HOME: dir.path,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `panda-${randomBytes(4).toString('hex')}@localhost`,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_CONFIG_FILE: join(dir.path, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir.path, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(dir.path, 'data'),
    RABBITMQ_LOG_BASE: join(dir.path, 'log'),
    RABBITMQ_LOGS: '-',
    // Two schedulers at most and no busy waiting: many run beside each other on small machines.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none',
    // Makes the script replace itself by the server, so that a signal to its pid reaches the server.
    NOTIFY_SOCKET: join(dir.path, 'nobody-listens'),
  }
}

function control(
  first: Daemon,
  launch: () => Promise<Daemon>,
  address: { port: number; adminUrl: string },
  cleanUp: () => Promise<void>,
): RabbitServer {
  let daemon = first
  let stopped: Promise<void> | undefined
  const stopOnce = async () => {
    await daemon.stop(20_000)
    await cleanUp()
  }
  return {
    host: '127.0.0.1',
    ...address,
    pid: () => daemon.pid,
    kill: async () => daemon.signal('SIGKILL'),
    restart: async () => {
      if (!daemon.hasExited()) await daemon.stop(20_000)
      daemon = await launch()
    },
    stop: async () => (stopped ??= stopOnce()),
  }
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.end())
  })
}

async function isUp(adminUrl: string): Promise<boolean> {
  const { origin, username, password } = new URL(adminUrl)
  try {
    const response = await fetch(`${origin}/api/health/checks/virtual-hosts`, {
      headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
      signal: AbortSignal.timeout(5_000),
    })
    await response.arrayBuffer()
    return response.ok
  } catch {
    // Not yet listening; the caller asks again and shows the server's log at its limit.
    return false
  }
}
