import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { tempDir, type TempDir } from '../support/temp-dir.ts'
import { Panda } from './panda.ts'

let server: TestServer
let folder: TempDir
/** Somebody on another machine: no home of a server, nothing in the environment. */
let stranger: Panda

beforeAll(async () => {
  server = await startTestServer()
  folder = await tempDir('cli')
  stranger = new Panda({
    HOME: folder.path,
    PANDA_HOME: join(folder.path, 'none'),
    PANDA_CONFIG: join(folder.path, 'config.json'),
  })
  for (const name of ['weekly-digest', 'weekly-report', 'cleanup']) {
    await server.api.ok('POST', '/v1/cronjobs', { name, image: 'busybox', schedule: '@yearly' })
  }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await folder.remove()
})

interface ProblemText {
  code: string
  hint: string
  exitCode: number
}
const problem = (stderr: string) => JSON.parse(stderr) as ProblemText

describe('login', () => {
  it('is needed, and says so with 4', async () => {
    const { code, stderr, stdout } = await stranger.run(['cronjob', 'list', '--url', server.url])
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(stderr).toContain('panda login')
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(5)
  })

  it('is refused with a wrong token, and keeps nothing', async () => {
    const { code } = await stranger.run(['login', '--url', server.url], { stdin: 'panda_wrong\n' })
    expect(code).toBe(4)
    await expect(stat(join(folder.path, 'config.json'))).rejects.toThrow('ENOENT')
  })

  it('is kept for its owner alone, and used from then on', async () => {
    const login = ['login', '--url', server.url, '--name', 'prod', '-p', 'default']
    const { code, stdout, stderr } = await stranger.run(login, { stdin: `${server.token}\n` })
    expect(code, stderr).toBe(0)
    expect(stdout + stderr).not.toContain(server.token)
    expect((await stat(join(folder.path, 'config.json'))).mode & 0o777).toBe(0o600)
    expect(await stranger.ok(['cronjob', 'list', '-o', 'name'])).toBe('cleanup\nweekly-digest\nweekly-report\n')
    expect(await stranger.ok(['context', 'list'])).toMatch(/\* +prod +http/)
    expect(await stranger.ok(['context', 'list', '-o', 'json'])).not.toContain(server.token)
  })

  it('is not sent to another server', async () => {
    const other = await startTestServer()
    try {
      expect((await stranger.run(['cronjob', 'list', '--url', other.url])).code).toBe(4)
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  it('can be forgotten', async () => {
    await stranger.ok(['logout'])
    expect(await readFile(join(folder.path, 'config.json'), 'utf8')).not.toContain(server.token)
    expect((await stranger.run(['context', 'use', 'prod'])).code).toBe(3)
  })
})

describe('rights', () => {
  it('a token that may only read cannot write: 4 and the scope by name', async () => {
    const { token } = await server.clientWith(['read'])
    const reader = stranger.with({ PANDA_URL: server.url, PANDA_TOKEN: token ?? '' })
    await reader.ok(['cronjob', 'list'])
    const { code, stderr } = await reader.run(['cronjob', 'pause', 'cleanup', '-o', 'json'])
    expect(code).toBe(4)
    expect(problem(stderr)).toMatchObject({ code: 'forbidden', exitCode: 4 })
  })

  it('a project that does not exist is not found: 3', async () => {
    const admin = stranger.with({ PANDA_URL: server.url, PANDA_TOKEN: server.token })
    const { code, stderr } = await admin.run(['cronjob', 'list', '-p', 'nowhere'])
    expect(code).toBe(3)
    expect(stderr).toContain('project_not_found')
  })
})

describe('a server that is not there', () => {
  it('gives 7 and what to start', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const { code, stdout, stderr } = await stranger.run(['status', '--url', url, '--json'])
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' })
    expect(problem(stderr)).toMatchObject({ code: 'server_unreachable', hint: 'Start it with: panda server' })
  })
})

describe('bad input', () => {
  it.each([
    [['--name=-x', '--image', 'i', '--schedule', '@daily'], 2, 'invalid_name'],
    [['x', '--image', 'Not/An:Image!', '--schedule', '@daily'], 2, 'invalid_image'],
    [['x', '--image', 'i', '--schedule', '61 * * * *'], 2, 'invalid_schedule'],
    [['x', '--image', 'i', '--schedule', '0 0 30 2 *'], 2, 'invalid_schedule'],
    [['x', '--image', 'i', '--schedule', '@daily', '--timezone', 'Mars/Base'], 2, 'invalid_timezone'],
    [['x', '--image', 'i', '--schedule', '@daily', '--memory', 'lots'], 2, 'invalid_request'],
    [['x', '--image', 'i', '--schedule', '@daily', '--env', `A=${'x'.repeat(100_000)}`], 2, 'invalid_request'],
    [['cleanup', '--image', 'i', '--schedule', '@daily'], 1, 'conflict'],
    [['x', '--image', 'i', '--schedule', '0', '8', '*'], 2, 'usage'],
    [['x', '--image', '--schedule', '@daily'], 2, 'usage'],
    [['x', '--image', 'i', '--schedule', '@daily', '--secret', 'KEY=value'], 2, 'usage'],
  ])('cronjob create %j', async (args, exitCode, expected) => {
    const admin = stranger.with({ PANDA_URL: server.url, PANDA_TOKEN: server.token })
    const { code, stdout, stderr } = await admin.run(['cronjob', 'create', ...args, '-o', 'json'])
    expect(problem(stderr), stderr).toMatchObject({ code: expected, exitCode })
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
    expect(problem(stderr).hint).not.toBe('')
    const people = await admin.run(['cronjob', 'create', ...args])
    expect(people.stderr.trim().split('\n').length).toBeLessThanOrEqual(5)
  })
})

describe('completion', () => {
  const offered = async (...words: string[]): Promise<string[]> => {
    const admin = stranger.with({ PANDA_URL: server.url, PANDA_TOKEN: server.token })
    const text = await admin.ok(['complete', '--', ...words])
    return text.split('\n').flatMap((line) => (line.includes('\t') ? [line.split('\t')[0] ?? ''] : []))
  }

  it.each([
    [['cron'], ['cronjob']],
    [['cronjob', 'pre'], ['preview']],
    [['cronjobs', 'pa'], ['pause']],
    [
      ['cronjob', 'run', ''],
      ['cleanup', 'weekly-digest', 'weekly-report'],
    ],
    [
      ['cronjob', 'run', 'weekly'],
      ['weekly-digest', 'weekly-report'],
    ],
    [['cronjob', 'run', '--name', 'cl'], ['cleanup']],
    [['cronjob', 'create', '--conc'], ['--concurrency']],
    [
      ['cronjob', 'create', '--concurrency', ''],
      ['allow', 'forbid', 'replace', 'queue'],
    ],
    [['cronjob', 'list', '-o', 'y'], ['yaml']],
    [['cronjob', 'list', '--project', 'd'], ['default']],
    [['completion', 'z'], ['zsh']],
  ])('%j', async (words, expected) => expect(await offered(...words)).toEqual(expected))

  it('offers nothing, and no error, when there is no server', async () => {
    const { code, stdout, stderr } = await stranger.run(['complete', '--', 'cronjob', 'run', ''])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^:\d+\n/)
  })

  it.each(['bash', 'zsh', 'fish', 'powershell'])('there is a script for %s', async (shell) => {
    const text = await stranger.ok(['completion', shell])
    expect(text).toMatch(/panda complete|complete --/)
  })
})
