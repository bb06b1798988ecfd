// The show: a server, a cronjob that works, one that fails, the alert. Checks what it shows; `--once` then ends.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { freePort } from '../../test/support/free-port.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { type Engine, findEngine } from './engine.ts'
import { createPanda, type Panda, spawnServer } from './panda.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { ok, say, step } from './say.ts'

interface RunList {
  items: { id: string; state: string; trigger: string; exitCode: number | null }[]
}

const closers: (() => Promise<void> | void)[] = []
let home = ''
let signingSecret = ''
const checkOnly = process.argv.includes('--once') || process.env['CI'] === 'true'
const interrupted = new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))

try {
  await Promise.race([main(), interrupted])
} catch (error) {
  say(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  for (const close of closers.toReversed()) await close()
}
process.exit()

async function main(): Promise<void> {
  const engine = await findEngine()
  closers.push(() => engine.stop())
  const receiver = await startReceiver()
  closers.push(() => receiver.close())
  const panda = createPanda(await startServer(engine))
  await createThings(panda, engine, receiver)
  await watchThings(panda, receiver)
  say('')
  ok('the cronjob ran on schedule, its log is here, its failure was told, the alert is signed')
  if (checkOnly) return
  say('\nThe server goes on until Ctrl-C. In another terminal:')
  say(`  export PANDA_HOME=${home}`)
  say('  npx panda cronjob runs heartbeat')
  await interrupted
}

async function startServer(engine: Engine): Promise<NodeJS.ProcessEnv> {
  home = await mkdtemp(join(tmpdir(), 'panda-quickstart-'))
  await mkdir(home, { recursive: true, mode: 0o711 })
  closers.push(() => rm(home, { recursive: true, force: true }))
  const port = await freePort()
  const {
    DATABASE_URL: _database,
    PANDA_URL: _url,
    PANDA_TOKEN: _token,
    PANDA_PROJECT: _project,
    ...inherited
  } = process.env
  const env = {
    ...inherited,
    PANDA_HOME: home,
    PANDA_RUNTIME: engine.runtime,
    PANDA_ALERT_ALLOW: '127.0.0.1',
    ...(engine.dockerHost === null ? {} : { DOCKER_HOST: engine.dockerHost }),
  }
  step(`starting the server: panda server --port ${port}`)
  const server = spawnServer(env, ['--port', String(port)])
  let log = ''
  server.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)))
  closers.push(() => stopServer(server))
  await waitFor(
    'the server to be ready',
    async () => {
      if (server.exitCode !== null) throw new Error(`the server ended with exit code ${server.exitCode}:\n${log}`)
      return ready(port)
    },
    60_000,
  )
  ok(`the server is ready at http://127.0.0.1:${port}, its data in ${home}`)
  return env
}

async function ready(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok
  } catch {
    return false // not listening yet; the caller has a limit and shows the server's log
  }
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  server.kill('SIGTERM')
  await once(server, 'exit')
}

async function createThings(panda: Panda, engine: Engine, receiver: Receiver): Promise<void> {
  await panda.show(['status'])
  const target = ['--channel', 'webhook', '--url', receiver.url]
  const alert = await panda.ask<{ signingSecret: string }>([
    'alert',
    'create',
    'oncall',
    '--on',
    'failed,recovered',
    ...target,
  ])
  signingSecret = alert.signingSecret
  const article = [
    '--name',
    'weekly-digest',
    '--image',
    'your-org/mailer:latest',
    '--schedule',
    '0 8 * * 1',
    '--env',
    'MAIL_API_KEY=xxx',
  ]
  await panda.show(['cronjob', 'create', ...article])
  const image = ['--image', engine.image, '--pull', engine.pull]
  const beat = 'echo "digest for $PANDA_DUE_AT"; echo "3 mails sent"'
  await panda.show([
    'cronjob',
    'create',
    '--name',
    'heartbeat',
    ...image,
    '--schedule',
    '*/5 * * * * *',
    '--',
    'sh',
    '-c',
    beat,
  ])
  const broken = 'echo "connecting to the mail server"; echo "connection refused" >&2; exit 3'
  await panda.show([
    'cronjob',
    'create',
    '--name',
    'broken',
    ...image,
    '--schedule',
    '*/20 * * * * *',
    '--',
    'sh',
    '-c',
    broken,
  ])
}

async function watchThings(panda: Panda, receiver: Receiver): Promise<void> {
  step('waiting for the schedule')
  const good = await runsOf(panda, 'heartbeat', 'succeeded', 2)
  const bad = await runsOf(panda, 'broken', 'failed', 1)
  await panda.show(['cronjob', 'runs', 'heartbeat'])
  await panda.show(['run', 'logs', good])
  await panda.show(['cronjob', 'runs', 'broken'])
  await panda.show(['run', 'logs', bad])
  await panda.show(['cronjob', 'run', '--name', 'heartbeat', '--follow'])
  await panda.show(['cronjob', 'run', '--name', 'broken', '--follow'], 5)
  step('the alert')
  const message = await receiver.first(30_000)
  const payload = message.verify(signingSecret) as AlertPayload
  const item = payload.items.find(({ event }) => event === 'failed')
  if (item?.exitCode !== 3) throw new Error(`the alert does not tell the exit code: ${message.body}`)
  if (!item.lastLines.includes('connection refused')) throw new Error(`the alert lacks the last lines: ${message.body}`)
  say(`  received, signature right: ${item.cronjob} ${item.message ?? ''}; last line: ${item.lastLines.at(-1) ?? ''}`)
}

/** The newest scheduled run in this state, as soon as there are so many. */
async function runsOf(panda: Panda, cronjob: string, state: string, count: number): Promise<string> {
  let found: RunList['items'] = []
  await waitFor(
    `${count} ${state} runs of ${cronjob}`,
    async () => {
      const { items } = await panda.ask<RunList>(['cronjob', 'runs', cronjob])
      found = items.filter((run) => run.state === state && run.trigger === 'schedule')
      return found.length >= count
    },
    90_000,
  )
  const [newest] = found
  if (!newest) throw new Error(`there is no ${state} run of ${cronjob}`)
  return newest.id
}
