import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../../packages/contract/src/index.ts'
import { type Config, readConfig } from '../../packages/server/src/config.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { type RunningServer, startServer } from '../../packages/server/src/main.ts'
import { Client } from './api-client.ts'
import { tempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

const ENDED = new Set(['succeeded', 'failed', 'cancelled', 'lost', 'dead'])

/** A server as a user has it, on the embedded PostgreSQL; it can be stopped and started again in the same home. */
export interface EmbeddedServer extends AsyncDisposable {
  readonly home: string
  readonly api: Client
  /** Everything it has logged so far, as JSON lines. */
  logText(): string
  stop(): Promise<void>
  start(): Promise<void>
  project(name: string): Promise<void>
  /** Runs a command once, to its end. @returns the run and the lines of its log */
  run(project: string, image: string, command: readonly string[], env?: Record<string, string>): Promise<Ran>
}

export interface Ran {
  readonly run: Run
  readonly lines: readonly string[]
}

export async function startEmbeddedServer(config: Partial<Config>): Promise<EmbeddedServer> {
  const home = await tempDir('home')
  const lines: string[] = []
  const log = createLog({ logLevel: 'info', logFormat: 'json' }, { write: (line: string) => lines.push(line) })
  let server: RunningServer | undefined
  let api: Client | undefined
  let count = 0
  const start = async (): Promise<void> => {
    server = await startServer(
      readConfig({ home: home.path, port: 0, rateLimit: 0, checkAnswers: true, ...config }, {}),
      { log },
    )
    api = new Client(server.url, (await readFile(join(home.path, 'token'), 'utf8')).trim())
  }
  const client = (): Client => {
    if (api === undefined) throw new Error('the server was not started')
    return api
  }
  const stop = async (): Promise<void> => server?.stop()
  const run = async (project: string, image: string, command: readonly string[], env = {}): Promise<Ran> => {
    const name = `once-${(count += 1)}`
    const spec = { name, image, command, env, schedule: '0 0 1 1 *', suspended: true, pull: 'never' }
    await client().ok('POST', `/v1/cronjobs?project=${project}`, spec)
    const { id } = await client().ok<Run>('POST', `/v1/cronjobs/${name}/runs?project=${project}`, {})
    const get = () => client().ok<Run>('GET', `/v1/runs/${id}?project=${project}`)
    await waitFor(`${name} to end`, async () => ENDED.has((await get()).state), 90_000)
    const page = await client().ok<{ items: { text: string }[] }>('GET', `/v1/runs/${id}/logs?project=${project}`)
    return { run: await get(), lines: page.items.map(({ text }) => text) }
  }
  try {
    await start()
  } catch (error) {
    await home.remove()
    throw error
  }
  return {
    home: home.path,
    get api() {
      return client()
    },
    logText: () => lines.join(''),
    stop,
    start,
    run,
    project: async (name) => void (await client().ok('POST', '/v1/projects', { name })),
    [Symbol.asyncDispose]: async () => {
      await stop()
      await home.remove()
    },
  }
}
