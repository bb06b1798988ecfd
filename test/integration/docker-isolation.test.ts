import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DockerDriver } from '../../packages/server/src/runtime/docker/docker-driver.ts'
import { type UnitSpec, unitName } from '../../packages/server/src/runtime/driver.ts'
import { type PrivateDocker, privateDocker } from '../support/docker.ts'
import { testImage } from '../support/images.ts'
import { waitFor } from '../support/wait-for.ts'

/**
 * Two projects on one engine, as it is installed: with its own packet filter rules. (The engine that tests share has them
 * off, so that engines on one machine do not undo each other's.)
 */

const MEMORY_BYTES = 64 * 1024 * 1024
const PORT = 8080
const installation = `test-${randomBytes(6).toString('hex')}`
let docker: PrivateDocker
let driver: DockerDriver
let image: string

beforeAll(async () => {
  docker = await privateDocker({ ownNetwork: true })
  driver = new DockerDriver({ endpoint: { kind: 'unix', path: docker.socketPath } })
  image = await testImage('busybox', docker.engine)
})
afterAll(async () => {
  await driver.close()
  await docker.stop()
})

function unit(project: string, kind: 'run' | 'app', script: string): UnitSpec {
  const run = `${kind === 'run' ? 'run' : 'ins'}_${randomBytes(8).toString('hex')}`
  const labels = { installation, project, kind, resource: 'isolation', run, attempt: 1 }
  const limits = { env: {}, memoryBytes: MEMORY_BYTES, cpus: 1, graceMs: 1000 }
  return { name: unitName(run, 1), labels, image, entrypoint: ['/bin/sh', '-c'], command: [script], ...limits }
}

/** Serves until it is removed. @returns its name and its address in the project's network */
async function serving(project: string): Promise<{ name: string; address: string }> {
  const spec = unit(project, 'app', `exec nc -ll -p ${PORT} -e echo ${project}-answers`)
  await driver.start(spec)
  const answered = async () => (await outputOf(unit(project, 'run', ask(spec.name)))) === `${project}-answers\n`
  await waitFor(`${spec.name} to listen`, answered, 60_000)
  const { NetworkSettings } = await docker.engine.getContainer(spec.name).inspect()
  const [network] = Object.values(NetworkSettings.Networks)
  return { name: spec.name, address: network?.IPAddress ?? '' }
}

async function outputOf(spec: UnitSpec): Promise<string> {
  await driver.start(spec)
  await waitFor(`${spec.name} to exit`, async () => (await driver.inspect(spec.name))?.state === 'exited', 60_000)
  let text = ''
  for await (const chunk of driver.logs(spec.name, { after: null, follow: false })) text += `${chunk.text}\n`
  await driver.remove(spec.name)
  return text
}

/** Asks for an answer; says so when there is none. */
const ask = (host: string): string =>
  `(nc -w 3 ${host} ${PORT} < /dev/null 2> /dev/null || true) | grep answers || echo silence`

describe.each(['run', 'app'] as const)('from a container of the kind %s', (kind) => {
  it('one of the same project is reached, by name and by address', async () => {
    const { name, address } = await serving('shop')
    const said = await outputOf(unit('shop', kind, `${ask(name)}; ${ask(address)}`))
    expect(said).toBe('shop-answers\nshop-answers\n')
    await driver.remove(name)
  })

  it('one of another project is not, neither by name nor by address', async () => {
    const { name, address } = await serving('shop')
    const { name: own } = await serving('blog')
    const said = await outputOf(
      unit('blog', kind, `${ask(own)}; ${ask(name)}; ${ask(address)}; nslookup ${name} || echo unknown`),
    )
    expect(said).toMatch(/^blog-answers\nsilence\nsilence\n/)
    expect(said).toMatch(/unknown\n$/)
    // It was there all the time.
    expect(await outputOf(unit('shop', kind, ask(address)))).toBe('shop-answers\n')
    await driver.remove(name)
    await driver.remove(own)
  })
})
