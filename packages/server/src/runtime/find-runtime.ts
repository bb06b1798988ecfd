import { lstat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DockerDriver } from './docker/docker-driver.ts'
import type { DockerEndpoint } from './docker/endpoint.ts'
import { formatEndpoint, parseDockerHost } from './docker/endpoint.ts'
import type { RuntimeDriver } from './driver.ts'
import { RuntimeError } from './driver.ts'

export interface FindRuntimeOptions {
  /** `PANDA_RUNTIME`. */
  readonly runtime: 'auto' | 'docker' | 'process' | 'fake'
  /** `DOCKER_HOST`; null = look at the usual sockets. */
  readonly dockerHost: string | null
  /** `DOCKER_CERT_PATH`: folder of ca.pem, cert.pem and key.pem for tcp; null = no TLS. */
  readonly dockerCertPath?: string | null
  /** Where engines are looked for without a `dockerHost`. Default {@link usualSockets}. */
  readonly sockets?: readonly string[]
  /** What ran the work at the last start of this home; default: not known. */
  readonly remembered?: { readonly runtime: string; readonly address: string | null } | null
  readonly createProcessDriver: () => RuntimeDriver
  readonly createFakeDriver: () => RuntimeDriver
  readonly signal?: AbortSignal
}

export interface FoundRuntime {
  readonly driver: RuntimeDriver
  /** For the log and `panda status`: why this one. */
  readonly why: string
  /** What the user must know. */
  readonly warning: string | null
}

interface Search extends FindRuntimeOptions {
  /** What did not answer, and why. */
  readonly tried: string[]
}

interface Strategy {
  readonly name: string
  /** null = not mine, ask the next one. */
  find(search: Search): Promise<FoundRuntime | null>
}

const ANSWER_LIMIT_MS = 5_000

const byName: Strategy = {
  name: 'explicit process or fake',
  async find({ runtime, createProcessDriver, createFakeDriver }) {
    if (runtime === 'process') {
      return { driver: createProcessDriver(), why: 'PANDA_RUNTIME is process', warning: NO_ISOLATION }
    }
    if (runtime !== 'fake') return null
    return { driver: createFakeDriver(), why: 'PANDA_RUNTIME is fake', warning: 'The fake runtime runs nothing.' }
  },
}

const byDockerHost: Strategy = {
  name: 'DOCKER_HOST',
  async find(search) {
    if (search.dockerHost === null) return null
    const endpoint = parseDockerHost(search.dockerHost, search.dockerCertPath ?? null)
    const driver = await answering(endpoint, search)
    // Who names an engine must never get plain processes instead, not even while it is down.
    return driver === null ? notYet(endpoint, search) : { driver, why: 'DOCKER_HOST names it', warning: null }
  },
}

const bySocket: Strategy = {
  name: 'usual sockets',
  async find(search) {
    for (const path of search.sockets ?? usualSockets()) {
      const driver = await answering({ kind: 'unix', path }, search)
      if (driver !== null) return { driver, why: `an engine answers at ${path}`, warning: null }
    }
    const path = await expectedSocket(search)
    return path === null ? null : notYet({ kind: 'unix', path }, search)
  },
}

/**
 * Where an engine is to be waited for; null = there is none. With `auto`, an engine that was here at the last start or
 * whose socket is there is only not up yet: at a machine's boot the server may be first, and work that was made for
 * containers must not run on the bare machine then.
 */
async function expectedSocket({ runtime, remembered, sockets = usualSockets() }: Search): Promise<string | null> {
  const there: string[] = []
  for (const path of sockets) if (await isThere(path)) there.push(path)
  const first = there[0] ?? sockets[0] ?? DOCKER_SOCKET
  if (runtime === 'docker') return first
  if (remembered?.runtime !== 'docker') return there[0] ?? null
  return sockets.find((path) => remembered.address === formatEndpoint({ kind: 'unix', path })) ?? first
}

/** A folder that may not be looked into counts as empty. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch {
    return false // whatever the reason: no socket that this user could ever open
  }
}

const byFallback: Strategy = {
  name: 'plain processes',
  async find({ tried, createProcessDriver }) {
    const why = `no container engine answers (${tried.join('; ')})`
    return { driver: createProcessDriver(), why, warning: `${NO_ISOLATION} Reason: ${why}.` }
  },
}

const STRATEGIES: readonly Strategy[] = [byName, byDockerHost, bySocket, byFallback]
const DOCKER_SOCKET = '/var/run/docker.sock'
const NO_ISOLATION =
  'Runs are plain processes on this machine, with all rights of the server and no isolation: for development only.'

/**
 * What runs the work here: the first strategy that has an answer. An engine that was named (`PANDA_RUNTIME=docker`,
 * `DOCKER_HOST`), or that was here before, and does not answer yet is taken all the same; its driver goes to work when it does.
 * @throws RangeError for a `DOCKER_HOST` that is none.
 */
export async function findRuntime(options: FindRuntimeOptions): Promise<FoundRuntime> {
  const search: Search = { ...options, tried: [] }
  for (const strategy of STRATEGIES) {
    const found = await strategy.find(search)
    if (found !== null) return found
  }
  throw new Error('no strategy found a runtime')
}

/** Docker's and Podman's sockets, of the system and of this user; Docker first. */
export function usualSockets(uid = process.getuid?.(), home = homedir()): string[] {
  const user = uid === undefined ? null : `/run/user/${uid}`
  const own = (name: string) => (user === null ? [] : [join(user, name)])
  return [
    DOCKER_SOCKET,
    ...own('docker.sock'),
    join(home, '.docker/run/docker.sock'),
    '/run/podman/podman.sock',
    ...own('podman/podman.sock'),
  ]
}

async function answering(endpoint: DockerEndpoint, search: Search): Promise<DockerDriver | null> {
  const driver = new DockerDriver({ endpoint })
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS)
  const signal = search.signal === undefined ? limit : AbortSignal.any([limit, search.signal])
  try {
    await driver.info(signal)
    return driver
  } catch (error) {
    await driver.close()
    search.signal?.throwIfAborted()
    search.tried.push(reason(endpoint, error))
    return null
  }
}

function reason(endpoint: DockerEndpoint, error: unknown): string {
  const cause = error instanceof RuntimeError && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const where = formatEndpoint(endpoint)
  if (code === 'ENOENT') return `${where}: not there`
  if (code === 'EACCES') return `${where}: this user may not open it (add it to the group that owns the socket)`
  if (code === 'ECONNREFUSED') return `${where}: nobody listens`
  return `${where}: ${cause instanceof Error ? cause.message : String(cause)}`
}

function notYet(endpoint: DockerEndpoint, { tried, runtime, dockerHost }: Search): FoundRuntime {
  const why = runtime === 'auto' && dockerHost === null ? 'an engine belongs to this machine' : 'it is configured'
  const warning = `The container engine does not answer (${tried.join('; ')}). Runs wait until it does.`
  const instead = runtime === 'auto' ? ' For plain processes instead set PANDA_RUNTIME=process.' : ''
  return { driver: new DockerDriver({ endpoint }), why, warning: warning + instead }
}
