/**
 * The whole server with the fake runtime in a process of its own, started with --expose-gc. Tells its address, and on the
 * message `sample` its memory after a full collection; ends in good order when it is disconnected.
 *
 *   server.ts HOME FAKE_DIR
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { readConfig } from '../../packages/server/src/config.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { startServer } from '../../packages/server/src/main.ts'

const [home = '', fakeDir = ''] = process.argv.slice(2)
const config = readConfig({ home, fakeDir, port: 0, runtime: 'fake', maxRuns: 2000, rateLimit: 0 }, {})
const server = await startServer(config, { log: createLog({ logLevel: 'warn', logFormat: 'json' }) })

async function sample(): Promise<NodeJS.MemoryUsage> {
  if (globalThis.gc === undefined) throw new Error('start it with --expose-gc')
  // The second one takes what the finalizers of the first have let go.
  for (let round = 0; round < 2; round++) {
    globalThis.gc()
    await nextTurn()
  }
  return process.memoryUsage()
}

async function answer(message: unknown): Promise<void> {
  if (message === 'sample') process.send?.({ memory: await sample() })
}

process.once('disconnect', () => void server.stop())
process.on('message', (message) => void answer(message))
const token = (await readFile(join(home, 'token'), 'utf8')).trim()
process.send?.({ ready: { url: server.url, token } })
