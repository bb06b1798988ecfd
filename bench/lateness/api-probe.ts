/**
 * Calls the API from a process of its own, as a client does: `GET /v1/status` and `GET /v1/runs` in turn, one every
 * 20 ms, also while earlier ones have no answer yet. Begins with the message `go` (it says `ready` when it can, so that
 * its own start costs nothing then) and ends with `stop`; its answer are the times.
 */
import { Agent, get } from 'node:http'

const EVERY_MS = 20
/** One that takes longer is counted as this long. */
const LIMIT_MS = 30_000
const PATHS = ['/v1/status', '/v1/runs?project=default&limit=50']

const [url = '', token = ''] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true })
const pending: Promise<void>[] = []
const times: Record<string, number[]> = Object.fromEntries(PATHS.map((path) => [path, []]))
let failed = 0
let calls = 0

function call(path: string): Promise<void> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const end = (good: boolean): void => {
      times[path]?.push(performance.now() - startedAt)
      if (!good) failed++
      resolve()
    }
    const options = { agent, timeout: LIMIT_MS, headers: { authorization: `Bearer ${token}` } }
    const request = get(new URL(path, url), options, (response) => {
      response.resume().on('end', () => end(response.statusCode === 200))
    })
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', () => end(false))
  })
}

let timer: NodeJS.Timeout | undefined
process.on('message', (message) => {
  if (message === 'go') {
    timer = setInterval(() => pending.push(call(PATHS[calls++ % PATHS.length] ?? '')), EVERY_MS)
    return
  }
  clearInterval(timer)
  void answer()
})
process.send?.('ready')

async function answer(): Promise<void> {
  await Promise.all(pending)
  process.send?.({ times, failed })
  process.disconnect()
  agent.destroy()
}
