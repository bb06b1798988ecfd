import { chmod, copyFile, mkdir, realpath, symlink } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Docker from 'dockerode'
import { build } from 'esbuild'
import { sharedDocker } from './docker.ts'
import { examplesDigest, layExamples } from './example-files.ts'
import { requireProgram, runOrFail } from './programs.ts'
import { type RegistryLogin, sharedRegistry } from './registry.ts'
import { tempDir } from './temp-dir.ts'

/**
 * `busybox`: a shell and the usual tools. `node`: the same and this machine's node with its libraries. `examples`: that
 * and the examples with the built SDK and their packages; its working folder is theirs, so `node uploads/worker.js`.
 * `store-client`: `node` and `/store-client.cjs`, which uses the store that its environment names (store-client.ts).
 */
export type TestImage = 'busybox' | 'node' | 'examples' | 'store-client'

const repository: Record<TestImage, string> = {
  busybox: 'panda-test/busybox',
  node: 'panda-test/node',
  examples: 'panda-test/examples',
  'store-client': 'panda-test/store-client',
}
const building = new Map<string, Promise<string>>()

/**
 * Builds the image on the engine from this machine's own files (no registry, no network) unless it is there already, and
 * returns its reference, `panda-test/busybox:1`. The tag of `examples` follows its content.
 *
 * @param engine default the run's shared engine
 */
export async function testImage(image: TestImage, engine?: Docker): Promise<string> {
  const target = engine ?? (await sharedDocker()).engine
  const reference = `${repository[image]}:${image === 'examples' ? await examplesDigest() : '1'}`
  if (engine !== undefined) return buildUnlessThere(target, image, reference)
  const known = building.get(reference) ?? buildUnlessThere(target, image, reference)
  building.set(reference, known)
  return known
}

/**
 * Pushes the image and returns the reference to pull it by, `127.0.0.1:port/panda-test/busybox:1`, and the digest.
 * The engine keeps no copy under that name, so that a later pull is a real one.
 *
 * @param to default the run's shared registry
 */
export async function pushedImage(
  image: TestImage,
  to: { host?: string; login?: RegistryLogin; tag?: string; engine?: Docker } = {},
): Promise<{ reference: string; digest: string }> {
  const engine = to.engine ?? (await sharedDocker()).engine
  const host = to.host ?? (await sharedRegistry()).host
  const local = engine.getImage(await testImage(image, to.engine))
  const repo = `${host}/${repository[image]}`
  const tag = to.tag ?? '1'
  await local.tag({ repo, tag })
  const pushed = engine.getImage(`${repo}:${tag}`)
  const stream = await pushed.push({ authconfig: { serveraddress: host, username: '', password: '', ...to.login } })
  await finished(engine, stream)
  const { RepoDigests } = await pushed.inspect()
  const digest = RepoDigests.find((each) => each.startsWith(`${repo}@`))?.split('@')[1]
  if (digest === undefined) throw new Error(`${repo}:${tag} was pushed but has no digest`)
  await pushed.remove()
  return { reference: `${repo}:${tag}`, digest }
}

async function buildUnlessThere(engine: Docker, image: TestImage, reference: string): Promise<string> {
  const same = await engine.listImages({ filters: { reference: [reference] } })
  if (same.length > 0) return reference
  await using dir = await tempDir('image')
  const root = join(dir.path, 'root')
  await layBusybox(root)
  if (image !== 'busybox') await layNode(root)
  if (image === 'examples') await layExamples(root)
  if (image === 'store-client') await bundleStoreClient(join(root, 'store-client.cjs'))
  const archive = join(dir.path, 'root.tar')
  const tar = await requireProgram('tar', 'tar')
  await runOrFail(tar, [
    '--create',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--file',
    archive,
    '--directory',
    root,
    '.',
  ])
  const [repo, tag] = reference.split(':')
  const changes = ['ENV PATH=/bin', image === 'busybox' ? 'CMD ["sh"]' : 'CMD ["node"]']
  if (image === 'examples') changes.push('WORKDIR /app')
  const stream = await engine.importImage(createReadStream(archive), { repo, tag, changes })
  await finished(engine, stream)
  return reference
}

async function layBusybox(root: string): Promise<void> {
  const bin = join(root, 'bin')
  for (const folder of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev']) await mkdir(join(root, folder), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  const busybox = await requireProgram('busybox', 'busybox-static')
  await copyFile(busybox, join(bin, 'busybox'))
  const names = (await runOrFail(busybox, ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox')
  await Promise.all(names.map(async (name) => symlink('busybox', join(bin, basename(name)))))
}

/** The program and every library it is linked with, at the same paths as here, where the loader looks for them. */
async function layNode(root: string): Promise<void> {
  const node = await realpath(process.execPath)
  await copyFile(node, join(root, 'bin', 'node'))
  const ldd = await requireProgram('ldd', 'libc-bin')
  const libraries = (await runOrFail(ldd, [node])).match(/\/\S+(?= \(0x)/g) ?? []
  for (const library of libraries) {
    await mkdir(join(root, dirname(library)), { recursive: true })
    await copyFile(await realpath(library), join(root, library))
  }
}

/** With the SDK and the client library in one file, from the source: the image needs neither a registry nor a build. */
export async function bundleStoreClient(outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('store-client.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    conditions: ['source'],
    external: ['pg-native', 'ioredis', 'amqplib', '@opentelemetry/api'],
    logLevel: 'error',
  })
}

/** The engine tells of a failed import or push inside the stream only. */
async function finished(engine: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(stream, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}
