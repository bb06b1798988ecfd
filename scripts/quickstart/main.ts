// The show: a server, and the three patterns on it. Checks every effect that it shows; `--once` then ends.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppDetail } from '@pandastack/contract'
import { freePort } from '../../test/support/free-port.ts'
import { startMailApi } from '../../test/support/mail-api.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { checkCronjobs, startCronjobs } from './cronjob-pattern.ts'
import { type Engine, findEngine } from './engine.ts'
import { useDatabase } from './database.ts'
import { showEvents } from './event-pattern.ts'
import { createPanda, type Panda, spawnServer } from './panda.ts'
import { showQueue } from './queue-pattern.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { ok, say, step } from './say.ts'
import type { Show } from './show.ts'

const closers: (() => Promise<void> | void)[] = []
let home = ''
const checkOnly = process.argv.includes('--once') || process.env['CI'] === 'true'
const interrupted = new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))

try {
  await Promise.race([main(), interrupted])
} catch (error) {
  say(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  for (const close of closers.toReversed()) await tried(close)
}
process.exit()

/** What one thing leaves must not keep the others from being ended. */
async function tried(close: () => Promise<void> | void): Promise<void> {
  try {
    await close()
  } catch (error) {
    say(`The quickstart could not clean up: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}

async function main(): Promise<void> {
  const startedAt = performance.now()
  const engine = await findEngine()
  closers.push(() => engine.stop())
  const receiver = await startReceiver()
  closers.push(() => receiver.close())
  const mail = await startMailApi('the-right-key', engine.hostAddress)
  closers.push(async () => mail[Symbol.asyncDispose]())
  const panda = createPanda(await startServer(engine))
  closers.push(() => endApps(panda))
  const show: Show = {
    panda,
    engine,
    receiver,
    mail,
    signingSecret: await createAlert(panda, receiver),
  }
  closers.push(await useDatabase(panda, engine))
  await startCronjobs(show)
  const pictures = await showQueue(show)
  await showEvents(show)
  await checkCronjobs(show, pictures)
  say('')
  ok(`all three patterns, each effect checked, in ${Math.round((performance.now() - startedAt) / 1000)} s`)
  if (checkOnly) return
  say('\nThe server goes on until Ctrl-C. In another terminal:')
  say(`  export PANDA_HOME=${home}`)
  say('  npx panda app list')
  say('  npx panda cronjob resume heartbeat && npx panda cronjob runs heartbeat')
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

/** @returns the secret that its messages are signed with */
async function createAlert(panda: Panda, receiver: Receiver): Promise<string> {
  await panda.show(['status'])
  step('an alert by webhook: who must know when something fails')
  const words = ['alert', 'create', 'oncall', '--on', 'failed,recovered', '--channel', 'webhook', '--url', receiver.url]
  const { signingSecret } = await panda.ask<{ signingSecret: string }>([...words, '--group-for', '0s'])
  return signingSecret
}

/** Their containers would outlive the server, which is what it promises; the show leaves nothing. */
async function endApps(panda: Panda): Promise<void> {
  step('ending the apps')
  const names = (await panda.text(['app', 'list', '-o', 'name'])).split('\n').filter((name) => name !== '')
  for (const name of names) await panda.text(['app', 'stop', name])
  for (const name of names) {
    const ended = async (): Promise<boolean> => {
      const { instances } = await panda.ask<AppDetail>(['app', 'get', name])
      return instances.every(({ finishedAt }) => finishedAt !== null)
    }
    await waitFor(`the instances of ${name} to end`, ended, 60_000)
  }
}
