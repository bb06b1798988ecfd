import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NOUNS } from '../../packages/cli/src/catalogue.ts'
import type { Example } from '../../packages/cli/src/command.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { testSecretKey } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'
import { Stage } from './cli-stage.ts'
import { splitShell } from './split-shell.ts'
import { endWorld, startWorld, userEnvironment, type World } from './world.ts'
import { Panda } from './panda.ts'

expectNoChildProcesses()

let world: World
let stage: Stage

beforeAll(async () => {
  world = await startWorld()
  stage = await Stage.set(world)
  await mkdir(join(world.home.path, 'deploy'))
  await mkdir(join(world.home.path, 'server-home'))
})
afterAll(async () => {
  await stage.close()
  await endWorld(world)
})

const loaded = await Promise.all(
  NOUNS.flatMap((noun) => [...noun.verbs, ...(noun.load === undefined ? [] : [{ ...noun, load: noun.load }])]).map(
    async ({ load }) => (await load()).examples,
  ),
)
const examples = loaded.flat().filter(({ line }) => !line.startsWith('panda server'))
const serverExamples = loaded.flat().filter(({ line }) => line.startsWith('panda server'))

/** The words of a command line and the files that it reads from and writes to. */
function readLine(line: string): { words: string[]; input: string | undefined } {
  const [command = '', input] = line.replace(/ > .*$/, '').split(' < ')
  return { words: splitShell(command).slice(1), input }
}

describe('every example of every command', () => {
  it.each(examples)('$line', async ({ line }: Example) => {
    await stage.reset(line)
    const { words, input } = readLine(await stage.resolve(line))
    const cwd = world.home.path
    const stdin = input === undefined ? '' : await readFile(join(cwd, input), 'utf8')
    // Nobody is there to be asked; `--yes` where the words for a container follow would be one of them.
    const asking = line.includes(' -- ') ? words : [...words, '--yes']
    const named = line.startsWith('panda validate deploy') ? asking.map((word) => word.replace('deploy/', '')) : asking
    const env = line.startsWith('panda login') && input === undefined ? { PANDA_TOKEN: await token(cwd) } : {}
    const { code, stdout, stderr } = await world.panda.run(named, { stdin, cwd, env })
    expect(code, `${stdout}${stderr}`).toBe(0)
    expect(stdout + stderr, 'every command answers something').not.toBe('')
  })
})

async function token(home: string): Promise<string> {
  return (await readFile(join(home, 'token.txt'), 'utf8')).trim()
}

describe('the examples of panda server', () => {
  it.each(serverExamples)('$line', async ({ line }: Example) => {
    const home = join(world.home.path, 'server-home')
    const environment = { ...userEnvironment(home), PANDA_PORT: '0', DATABASE_URL: world.database.url }
    const words = readLine(line).words.map((word) => (word === '7400' ? '0' : word))
    const key = { PANDA_SECRET_KEY: testSecretKey(world.database.url), PANDA_RUNTIME: 'fake' }
    const server = new Panda({ ...environment, ...key }).start(words, { cwd: home })
    try {
      await waitFor(
        'the server to be ready',
        () => server.hasEnded() || server.stderr().includes('is ready at'),
        60_000,
      )
    } finally {
      server.signal('SIGINT')
    }
    const { code, stderr } = await server.ended
    expect(stderr).toContain('PandaStack is ready at http://127.0.0.1:')
    expect(code).toBe(0)
  })
})
