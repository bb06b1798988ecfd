import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProjectDatabase } from '../../packages/contract/src/index.ts'
import { type EmbeddedServer, startEmbeddedServer } from '../support/embedded-server.ts'
import { bundleStoreClient } from '../support/images.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'

/** Databases of projects where work runs as plain processes. */

let folder: TempDir
let program: string
beforeAll(async () => {
  folder = await tempDir('store-client')
  program = join(folder.path, 'store-client.cjs')
  await bundleStoreClient(program)
})
afterAll(() => folder.remove())

const answers = (lines: readonly string[]): unknown[] =>
  lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown)
const runClient = (server: EmbeddedServer, project: string, ...args: string[]) =>
  server.run(project, 'any', [process.execPath, program, ...args])
const database = (server: EmbeddedServer) => server.api.ok<ProjectDatabase>('GET', '/v1/database')

describe('on the embedded PostgreSQL', () => {
  it('a process works with queues and events by what it is given, at a port that stays', async () => {
    await using server = await startEmbeddedServer({ runtime: 'process' })
    const { run, lines } = await runClient(server, 'default', 'work')
    expect([run.state, answers(lines)], lines.join('\n')).toEqual(['succeeded', [{ job: 7, event: { userId: 'u1' } }]])
    const before = await runClient(server, 'default', 'place')
    await server.stop()
    await server.start()
    const after = await runClient(server, 'default', 'place')
    expect(answers(before.lines)).toEqual([{ place: expect.stringMatching(/^127\.0\.0\.1:2\d{4}\/panda_p_/) }])
    expect(answers(after.lines)).toEqual(answers(before.lines))
    expect(await database(server)).toMatchObject({ state: 'given' })
  })
})

describe('on a PostgreSQL of somebody else', () => {
  it('nothing is given, and the API says why', async () => {
    await using other = await migratedDatabase()
    await using server = await startEmbeddedServer({ runtime: 'process', databaseUrl: other.url })
    const { lines } = await runClient(server, 'default', 'given')
    expect(answers(lines)).toEqual([{ given: null }])
    expect(await database(server)).toEqual({
      state: 'unavailable',
      database: null,
      message: expect.stringContaining('a PostgreSQL of yours'),
    })
  })
})
