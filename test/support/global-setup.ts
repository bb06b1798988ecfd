import { execFile } from 'node:child_process'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { doorVariable, isServiceName, startOnce, stopSharedServices } from './shared-services.ts'

/** Projects that start `panda` as its users do; what they start must be what stands in the source. */
const STARTS_PANDA: ReadonlySet<string> = new Set(['e2e', 'chaos', 'chaos-alone'])

/** Vitest calls the setup once per project, in copies of this module: the door and its count are the process's. */
const slot = Symbol.for('pandastack.test.services')
type Global = { [slot]?: { users: number; close: () => Promise<void> } }

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (STARTS_PANDA.has(project.name)) await bundleCli()
  const shared = globalThis as Global
  if (shared[slot] === undefined) {
    // Taken before the first await, so that a second project does not open a second door.
    const opening = openDoor()
    shared[slot] = { users: 0, close: async () => (await opening)() }
    await opening
  }
  const door = shared[slot]
  door.users += 1
  return async () => {
    door.users -= 1
    if (door.users > 0) return
    delete shared[slot]
    await door.close()
  }
}

async function bundleCli(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../scripts/bundle-cli.mjs')])
}

async function openDoor(): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    void answer(request.url?.slice(1) ?? '', response)
  })
  // A service may have to be installed first.
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  process.env[doorVariable] = `http://127.0.0.1:${portOf(server)}`
  return async () => {
    delete process.env[doorVariable]
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    await stopSharedServices()
  }
}

async function answer(name: string, response: ServerResponse): Promise<void> {
  if (!isServiceName(name)) {
    response.writeHead(404).end('no such service')
    return
  }
  try {
    const { values } = await startOnce(name)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(values))
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the shared services have no port')
  return address.port
}
