/** An application that was bundled into one file: the lease thread's own file is not beside it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { freshRedis } from '../support/redis.ts'
import { tempDir } from '../support/temp-dir.ts'

const run = promisify(execFile)
const SDK = fileURLToPath(new URL('../../packages/sdk/src/queue/index.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"

/** Its one job takes three times as long as a lease. */
const APPLICATION = `
import { Queue } from ${JSON.stringify(SDK)}
async function main() {
  const queue = new Queue('bundled', {
    url: process.env.URL, namespace: process.env.PREFIX, lease: '1s', heartbeat: '200ms', allowUnsafeStore: true,
  })
  queue.process(async (job) => {
    await new Promise((resolve) => setTimeout(resolve, 3000))
    return job.crashes
  })
  const job = await queue.add({})
  console.log(JSON.stringify({ crashes: await job.finished(), refused: queue.metrics().refused }))
  await queue.close()
}
void main()
`

test.each(['esm', 'cjs'] as const)('a job longer than the lease runs once in a bundle: %s', async (format) => {
  const { url, prefix } = await freshRedis()
  await using directory = await tempDir('bundle')
  const outfile = join(directory.path, format === 'esm' ? 'app.mjs' : 'app.cjs')
  await build({
    stdin: { contents: APPLICATION, resolveDir: ROOT, loader: 'js' },
    bundle: true,
    platform: 'node',
    format,
    outfile,
    external: ['pg', '@opentelemetry/api'],
    // ioredis is CommonJS, and asks for Node's own modules by \`require\`.
    ...(format === 'esm' && { banner: { js: REQUIRE } }),
    logLevel: 'silent',
  })
  const { stdout, stderr } = await run(process.execPath, [outfile], {
    env: { ...process.env, URL: url, PREFIX: prefix },
    cwd: ROOT,
    timeout: 60_000,
  })
  expect(JSON.parse(stdout)).toEqual({ crashes: 0, refused: 0 })
  expect(stderr.match(/thread that renews leases does not run/g)).toHaveLength(1)
})
