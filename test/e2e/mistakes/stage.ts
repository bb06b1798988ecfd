import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ServerProcess } from '../../chaos/server-process.ts'
import { freePort } from '../../support/free-port.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { waitFor } from '../../support/wait-for.ts'
import { createJob, startJob, untilState } from '../jobs.ts'
import { Panda } from '../panda.ts'
import { endWorld, startWorld, userEnvironment, type World } from '../world.ts'

/** Everything that can be wrong has been made wrong here once, for all rows of the table. */
export interface Stage extends AsyncDisposable {
  readonly world: World
  /** The CLI of each situation. `usual`: the server is fine and knows the token. */
  readonly clis: Readonly<Record<Situation, Panda>>
  /** What rows put in for `{name}`. */
  readonly names: Readonly<Record<string, string>>
}

export type Situation =
  | 'usual'
  | 'no token'
  | 'wrong token'
  | 'token to read with'
  | 'token of another project'
  | 'server not running'
  | 'database away'
  | 'engine away'
  | 'not our server'
  | 'another machine'

/** What has to be undone, the last first. */
type Undo = (() => Promise<void>)[]

export async function setStage(): Promise<Stage> {
  const undo: Undo = []
  const dispose = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    return { ...(await build(undo)), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function build(undo: Undo): Promise<Pick<Stage, 'world' | 'clis' | 'names'>> {
  const world = await startWorld({ PANDA_ALERT_ALLOW: '' })
  undo.push(() => endWorld(world))
  const elsewhere = await tempDir('elsewhere')
  undo.push(() => elsewhere.remove())
  const port = await freePort()
  const url = world.server.url ?? ''
  const files = await writeFiles(elsewhere.path)
  const runs = await makeThings(world)
  const stranger = await strangeServer(undo)
  const usual = world.panda
  const token = async (...words: string[]) => (await usual.ok(['token', 'create', ...words, '-o', 'name'])).trim()
  const remote = new Panda({ ...userEnvironment(elsewhere.path), PANDA_URL: url })
  const clis = {
    usual,
    'no token': remote,
    'wrong token': remote.with({ PANDA_TOKEN: `${(await token('gone')).slice(0, -4)}aaaa` }),
    'token to read with': remote.with({ PANDA_TOKEN: await token('reader', '--scope', 'read') }),
    'token of another project': remote.with({
      PANDA_TOKEN: await token('shop', '--scope', 'read,run,write', '--for-project', 'shop'),
    }),
    'server not running': new Panda({ ...userEnvironment(elsewhere.path), PANDA_URL: `http://127.0.0.1:${port}` }),
    'database away': await withoutDatabase(undo),
    'engine away': await withoutEngine(undo),
    'not our server': remote.with({ PANDA_URL: stranger, PANDA_TOKEN: 'x' }),
    'another machine': remote.with({ PANDA_URL: 'http://panda.invalid:7300' }),
  }
  const names = {
    ...runs,
    ...files,
    image: world.image,
    takenPort: new URL(url).port,
    folder: elsewhere.path,
    longValue: 'x'.repeat(100_000),
  }
  return { world, clis, names }
}

async function makeThings(world: World): Promise<Record<string, string>> {
  const { panda } = world
  await panda.ok(['project', 'create', 'shop'])
  await createJob(world, 'weekly-digest', 'true')
  await createJob(world, 'busy', 'sleep 600', ['--timeout', 'none', '--grace', '0s'])
  await panda.ok(['alert', 'create', 'ops', '--channel', 'webhook', '--url', 'http://localhost:9/hook'])
  const finished = await startJob(world, 'weekly-digest')
  const active = await startJob(world, 'busy')
  await untilState(world, finished, 'succeeded')
  await untilState(world, active, 'running')
  return { finishedRun: finished, activeRun: active }
}

async function writeFiles(folder: string): Promise<Record<string, string>> {
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  await mkdir(join(folder, 'a-folder'))
  return {
    aFolder: join(folder, 'a-folder'),
    missingFile: join(folder, 'missing.env'),
    unknownField: await write(
      'unknown.yaml',
      'cronjobs:\n  digest:\n    image: your-org/mailer:latest\n    schedule: "0 8 * * 1"\n    retires: 3\n',
    ),
    badSchedule: await write('schedule.yaml', 'cronjobs:\n  digest:\n    image: a/b\n    schedule: "0 25 * * *"\n'),
    noYaml: await write('broken.yaml', 'cronjobs:\n  digest: [1,\n'),
    unsetVariable: await write('unset.yaml', 'env:\n  A: ${PANDA_TEST_NOT_SET}\n'),
    twice: await write('twice.yaml', 'env:\n  A: "1"\n  A: "2"\n'),
    missingSecret: await write('secret.yaml', 'secrets: [NOT_SET_ANYWHERE]\n'),
    hugeEnv: await write('huge.env', Array.from({ length: 32 }, (_, at) => `V${at}=${'x'.repeat(32_000)}\n`).join('')),
    notACronjob: await write('service.yaml', 'kind: Service\nmetadata: {name: a}\n'),
    crontab: await write('crontab', '0 8 * * * /usr/bin/true\n'),
  }
}

/** A server whose database goes away after its start. */
async function withoutDatabase(undo: Undo): Promise<Panda> {
  const home = await tempDir('home')
  undo.push(() => home.remove())
  const database = await migratedDatabase()
  undo.push(async () => database[Symbol.asyncDispose]())
  const direct = new URL(database.url)
  const wire = await tcpProxy(Number(direct.port === '' ? 5432 : direct.port))
  undo.push(async () => wire[Symbol.asyncDispose]())
  direct.port = String(wire.port)
  direct.hostname = '127.0.0.1'
  const server = new ServerProcess({ home: home.path, databaseUrl: direct.href, env: { PANDA_RUNTIME: 'fake' } })
  undo.push(() => server.stop())
  const url = await server.start()
  const panda = new Panda(userEnvironment(home.path))
  await panda.ok(['cronjob', 'list'])
  wire.cut()
  await waitFor('the server to notice', async () => (await fetch(`${url}/readyz`)).status === 503)
  return panda
}

/** A server whose engine, named by its operator, is not there. */
async function withoutEngine(undo: Undo): Promise<Panda> {
  const home = await tempDir('home')
  undo.push(() => home.remove())
  const database = await migratedDatabase()
  undo.push(async () => database[Symbol.asyncDispose]())
  const env = { PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${home.path}/no-engine.sock` }
  const server = new ServerProcess({ home: home.path, databaseUrl: database.url, env })
  undo.push(() => server.stop())
  await server.start()
  return new Panda(userEnvironment(home.path))
}

/** Something else that listens where our server was expected. */
async function strangeServer(undo: Undo): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to nginx!</html>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
