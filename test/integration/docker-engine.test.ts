import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DockerDriver } from '../../packages/server/src/runtime/docker/docker-driver.ts'
import { networkName } from '../../packages/server/src/runtime/docker/networks.ts'
import { quirksOf } from '../../packages/server/src/runtime/docker/quirks.ts'
import type { SuiteContext } from '../../packages/server/src/runtime/contract/harness-contract.ts'
import {
  readLogs,
  runToEnd,
  suiteContext,
  textOf,
} from '../../packages/server/src/runtime/contract/harness-contract.ts'
import type { LogChunk, UnitSpec, UnitStatus } from '../../packages/server/src/runtime/driver.ts'
import { privateDocker, type PrivateDocker } from '../support/docker.ts'
import { type DockerHarness, dockerHarness } from '../support/docker-harness.ts'
import { pushedImage, testImage } from '../support/images.ts'
import { freePort } from '../support/free-port.ts'
import { startRegistry } from '../support/registry.ts'

/** What needs an engine of its own: this file kills it. */
let docker: PrivateDocker
let harness: DockerHarness
let context: SuiteContext

beforeAll(async () => {
  docker = await privateDocker()
  harness = await dockerHarness(docker.socketPath, await testImage('busybox', docker.engine), quirksOf([]))
  context = suiteContext(harness)
})

afterAll(async () => {
  await harness?.dispose()
  await docker?.stop()
})

function shell(script: string, change: Partial<UnitSpec> = {}): UnitSpec {
  return context.unit({ kind: 'exit', code: 0 }, { command: [script], ...change })
}

async function firstLine(unit: UnitSpec): Promise<void> {
  for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) if (chunk.endOfLine) return
}

/** Starts the units, kills the engine for real, starts it again and gives how they ended. */
async function surviveCrash(units: readonly UnitSpec[], downMs = 0): Promise<(UnitStatus | null)[]> {
  for (const unit of units) await context.driver.start(unit)
  await Promise.all(units.map(firstLine))
  const ends = units.map(async (unit) => context.driver.wait(unit.name))
  await docker.kill()
  await expect(context.driver.info()).rejects.toMatchObject({ code: 'engine-away' })
  if (downMs > 0) await new Promise((done) => setTimeout(done, downMs))
  await docker.restart()
  return Promise.all(ends)
}

describe('a crash of the engine', () => {
  it('ends what it ended itself as lost, whatever code it wrote down, and heals', async () => {
    const died = shell('echo up; sleep 300')
    const clean = shell('trap "exit 0" TERM; echo up; while :; do sleep 0.1; done')
    const done = context.unit({ kind: 'exit', code: 0 })
    expect(await runToEnd(context, done)).toMatchObject({ code: 0 })
    const ends = await surviveCrash([died, clean])
    for (const end of ends) expect(end).toMatchObject({ state: 'exited', exit: { kind: 'lost' } })
    // A server that was started afterwards knows nothing of the outage.
    const fresh = new DockerDriver({ endpoint: { kind: 'unix', path: docker.socketPath } })
    expect(await fresh.inspect(clean.name)).toMatchObject({ exit: { kind: 'lost' } })
    await fresh.close()
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 9 }))).toMatchObject({ code: 9 })
  })

  it('keeps the end of a unit that ended long before', async () => {
    const unit = shell('exit 3', { graceMs: 0 })
    await runToEnd(context, unit)
    const later = new Date(Date.now() + 6_000)
    await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(later.getTime())
    await docker.kill()
    await docker.restart()
    expect(await context.driver.inspect(unit.name)).toMatchObject({ exit: { kind: 'exited', code: 3 } })
  })

  it('does not stop a follower, which gets each line once', async () => {
    const unit = shell('i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "tick $i"; done; exec sleep 300')
    await context.driver.start(unit)
    await firstLine(unit)
    const reading = readLogs(context.driver, unit.name, null, true)
    await docker.kill()
    await docker.restart()
    const chunks = await reading
    expect(textOf(chunks)).toBe(textOf(await readLogs(context.driver, unit.name)))
    expect(new Set(chunks.map((chunk) => chunk.text)).size).toBe(chunks.length)
  })
})

describe('an image that came from no registry', () => {
  it('is found again by what its run has written down', async () => {
    const local = await context.driver.ensureImage(await testImage('busybox', docker.engine), {
      pull: 'missing',
      auth: null,
    })
    const replayed = `docker.io/panda-test/busybox@${local.digest}`
    for (const pull of ['always', 'never'] as const)
      expect(await context.driver.ensureImage(replayed, { pull, auth: null })).toEqual(local)
    const unknown = `docker.io/panda-test/busybox@sha256:${'0'.repeat(64)}`
    await expect(context.driver.ensureImage(unknown, { pull: 'never', auth: null })).rejects.toMatchObject({
      code: 'image-not-found',
    })
  })
})

describe('the log', () => {
  const LINES = 100_000

  it('is exact over interruptions at random points of 100,000 lines', async () => {
    const unit = shell(`seq ${LINES}`)
    await context.driver.start(unit)
    const chunks: LogChunk[] = []
    let interruptions = 0
    for (let ended = false; !ended;) {
      const most = Math.ceil(Math.random() * LINES * 0.15)
      const before = chunks.length
      for await (const chunk of context.driver.logs(unit.name, {
        after: chunks.at(-1)?.cursor ?? null,
        follow: true,
      })) {
        chunks.push(chunk)
        if (chunks.length - before === most) break
      }
      ended = chunks.length - before < most
      if (!ended) interruptions += 1
    }
    expect(interruptions).toBeGreaterThan(3)
    expect(chunks).toHaveLength(LINES)
    for (const [index, chunk] of chunks.entries())
      if (chunk.text !== String(index + 1)) expect(chunk.text).toBe(String(index + 1))
    await context.driver.remove(unit.name)
  })

  it('of 100 MB is read whole without filling our memory, also by a slow reader', async () => {
    const MIB = 1024 * 1024
    const unit = shell(
      'yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456 | head -c 104857600',
    )
    await context.driver.start(unit)
    let bytes = 0
    let most = 0
    let gaps = 0
    let count = 0
    for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) {
      bytes += chunk.text.length + (chunk.endOfLine ? 1 : 0)
      if (chunk.gapBefore) gaps += 1
      count += 1
      if (count % 50_000 === 0) most = Math.max(most, process.memoryUsage().rss)
      if (count % 200_000 === 0) await new Promise((done) => setTimeout(done, 300))
    }
    expect(bytes).toBe(104_857_600)
    expect(gaps).toBe(0)
    expect(most).toBeLessThan(700 * MIB)
    await context.driver.remove(unit.name)
  })

  it('shows that the engine threw lines away before they were read', async () => {
    const unit = shell(
      "echo first; echo second; sleep 1; yes $(head -c 8000 /dev/zero | tr '\\0' x) | head -c 330000000",
    )
    await context.driver.start(unit)
    let after: string | null = null
    for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) {
      after = chunk.cursor
      break
    }
    await context.driver.wait(unit.name)
    let gaps = 0
    let first = true
    for await (const chunk of context.driver.logs(unit.name, { after, follow: false })) {
      if (chunk.gapBefore) gaps += 1
      if (first) expect(chunk.gapBefore).toBe(true)
      first = false
    }
    expect(gaps).toBe(1)
    await context.driver.remove(unit.name)
  })
})

describe('images', () => {
  const login = { username: 'panda', password: 'bamboo' }

  it('are pulled by the policy, pinned, and told by the digest of the registry', async () => {
    await using registry = await startRegistry()
    const { reference, digest } = await pushedImage('busybox', { host: registry.host, engine: docker.engine })
    const never = context.driver.ensureImage(reference, { pull: 'never', auth: null })
    await expect(never).rejects.toMatchObject({ code: 'image-not-found' })
    const told: string[] = []
    const pulled = await context.driver.ensureImage(reference, {
      pull: 'missing',
      auth: null,
      onProgress: (line) => told.push(line),
    })
    expect(pulled.digest).toBe(digest)
    expect(told.join('\n')).toContain('Pull')
    const exit = await runToEnd(context, context.unit({ kind: 'exit', code: 8 }, { image: pulled.image }))
    expect(exit.code).toBe(8)
    const pinned = `${reference.slice(0, reference.lastIndexOf(':'))}@${digest}`
    await registry.stop()
    expect(await context.driver.ensureImage(reference, { pull: 'missing', auth: null })).toEqual(pulled)
    expect(await context.driver.ensureImage(pinned, { pull: 'always', auth: null })).toMatchObject({ digest })
    const away = context.driver.ensureImage(reference, { pull: 'always', auth: null })
    await expect(away).rejects.toMatchObject({ code: 'registry-away' })
  })

  it('that are not in the registry are told in its words', async () => {
    await using registry = await startRegistry()
    for (const image of [`${registry.host}/no/such:1`]) {
      const missing = context.driver.ensureImage(image, { pull: 'missing', auth: null })
      await expect(missing).rejects.toMatchObject({
        code: 'image-not-found',
        message: expect.stringMatching(/not found|unknown/),
      })
    }
  })

  it('of a private registry need its login', async () => {
    await using registry = await startRegistry({ login })
    const { reference, digest } = await pushedImage('busybox', { host: registry.host, login, engine: docker.engine })
    for (const auth of [null, { username: 'panda', password: 'wrong' }]) {
      const refused = context.driver.ensureImage(reference, { pull: 'missing', auth })
      await expect(refused).rejects.toMatchObject({ code: 'registry-refused' })
    }
    expect(await context.driver.ensureImage(reference, { pull: 'always', auth: login })).toMatchObject({ digest })
  })

  it('of a registry that never answers are given up', async () => {
    const port = await freePort()
    const { createServer } = await import('node:net')
    const mute = createServer(() => undefined)
    await new Promise<void>((done) => mute.listen(port, '127.0.0.1', done))
    const driver = new DockerDriver({ endpoint: { kind: 'unix', path: docker.socketPath }, noProgressMs: 1500 })
    const hanging = driver.ensureImage(`127.0.0.1:${port}/a/b:1`, { pull: 'missing', auth: null })
    await expect(hanging).rejects.toMatchObject({ code: 'registry-away', message: expect.stringContaining('1.5 s') })
    const aborted = driver.ensureImage(`127.0.0.1:${port}/a/b:1`, {
      pull: 'missing',
      auth: null,
      signal: AbortSignal.timeout(300),
    })
    await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' })
    await driver.close()
    mute.close()
  })
})

describe('networks and policy', () => {
  it('has a network per project, made again when it was tidied away, removed when unused', async () => {
    const unit = context.unit({ kind: 'exit', code: 0 })
    const other = { ...unit.labels, project: 'other' }
    await runToEnd(context, unit)
    await runToEnd(context, context.unit({ kind: 'exit', code: 0 }, { labels: other }))
    expect(await context.harness.driver.list(harness.installation)).not.toHaveLength(0)
    expect(await harness.driver.cleanNetworks(harness.installation)).toBeGreaterThanOrEqual(2)
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 5 }))).toMatchObject({ code: 5 })
    // Behind the driver's back.
    const networks = await docker.engine.listNetworks({
      filters: { label: [`panda.installation=${harness.installation}`] },
    })
    expect(networks).toHaveLength(1)
    for (const { Id } of networks) await docker.engine.getNetwork(Id).remove()
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 6 }))).toMatchObject({ code: 6 })
  })

  it('makes one network for many first starts at once, and mends a second one', async () => {
    const filters = { label: [`panda.installation=${harness.installation}`] }
    const named = async () => (await docker.engine.listNetworks({ filters })).filter(({ Name }) => Name === name)
    await harness.driver.cleanNetworks(harness.installation)
    const units = Array.from({ length: 6 }, () => context.unit({ kind: 'exit', code: 0 }))
    const name = networkName(harness.installation, units[0]?.labels.project ?? '')
    await Promise.all(units.map((unit) => runToEnd(context, unit)))
    expect(await named()).toHaveLength(1)
    // Another server made its own at the same moment.
    await docker.engine.createNetwork({ Name: name, CheckDuplicate: false, Labels: (await named())[0]?.Labels ?? {} })
    expect(await named()).toHaveLength(2)
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 7 }))).toMatchObject({ code: 7 })
    expect(await named()).toHaveLength(1)
  })

  it('says that the addresses for networks are used up', async () => {
    const made: string[] = []
    const project = (index: number) =>
      context.unit(
        { kind: 'exit', code: 0 },
        { labels: { ...context.unit({ kind: 'exit', code: 0 }).labels, project: `p${index}` } },
      )
    const failed = (async () => {
      for (let index = 0; index < 40; index += 1) {
        const unit = project(index)
        await context.driver.start(unit)
        made.push(unit.name)
      }
    })()
    await expect(failed).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('no free addresses'),
    })
    await Promise.all(made.map((name) => context.driver.remove(name)))
    expect(await harness.driver.cleanNetworks(harness.installation)).toBeGreaterThanOrEqual(made.length)
  })

  it('gives a container no rights, no host and bounded means', async () => {
    const unit = shell('cat /proc/self/status; id -u; cat /proc/1/comm; exec sleep 60', { cpus: 0.5 })
    await context.driver.start(unit)
    const { HostConfig: host, Mounts } = await docker.engine.getContainer(unit.name).inspect()
    expect(host).toMatchObject({
      CapDrop: ['ALL'],
      Privileged: false,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 512,
      Memory: unit.memoryBytes,
      MemorySwap: unit.memoryBytes,
      NanoCpus: 500_000_000,
      IpcMode: 'private',
      PidMode: '',
      UsernsMode: '',
      AutoRemove: false,
      Init: true,
    })
    expect(host.NetworkMode).not.toBe('host')
    expect(Mounts).toEqual([])
    await context.driver.stop(unit.name, 1000)
    const status = textOf(await readLogs(context.driver, unit.name))
    expect(status).toMatch(/CapEff:\s+0000000000000000/)
    expect(status).toMatch(/NoNewPrivs:\s+1/)
    expect(status).toMatch(/Seccomp:\s+2/)
    expect(status).toContain('docker-init')
  })
})
