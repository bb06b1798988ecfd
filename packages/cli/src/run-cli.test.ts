import { describe, expect, it } from 'vitest'
import { runInProcess } from '../../../test/support/cli-io.ts'
import { json, startStubApi } from '../../../test/support/stub-api.ts'

const terminal = { columns: 80 }
const ESC = '\u001b'

describe('help', () => {
  it.each([
    [[], 'Usage: panda COMMAND'],
    [['help', 'exit-codes'], '130  ended by Ctrl-C'],
    [['help', 'options'], '-o, --output FORMAT'],
    [['help', 'cronjob'], 'preview'],
    [['cronjob', '--help'], 'preview'],
    [['help', 'cronjob', 'create'], '--missed-limit N'],
    [['cronjob', 'create', '--help'], '--missed-limit N'],
    [['status', '-h'], 'panda status -o json'],
    [['--version'], 'panda '],
  ])('%j is on stdout', async (argv, expected) => {
    const { code, stdout, stderr } = await runInProcess(argv)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(expected)
    expect(stdout).not.toContain(ESC)
  })

  it('does not show what is only for the completion script', async () => {
    expect((await runInProcess([])).stdout).not.toMatch(/^ {2}complete /m)
  })

  it('is coloured on a terminal and not with NO_COLOR', async () => {
    expect((await runInProcess([], { terminal })).stdout).toContain(ESC)
    expect((await runInProcess([], { terminal, env: { NO_COLOR: '1' } })).stdout).not.toContain(ESC)
    expect((await runInProcess(['--no-color'], { terminal })).stdout).not.toContain(ESC)
  })
})

describe('errors', () => {
  it('of the command line end with 2, on stderr', async () => {
    const { code, stdout, stderr } = await runInProcess(['cronjob', 'lst'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Did you mean "panda cronjob list"?')
  })

  it.each([['-o', 'json'], ['-ojson'], ['--json'], ['--output=json']])('are JSON with %s', async (...format) => {
    const { stderr } = await runInProcess(['cronjob', 'lst', ...format])
    expect(JSON.parse(stderr)).toMatchObject({ code: 'usage', exitCode: 2 })
  })

  it('are not JSON because of words behind --', async () => {
    const { stderr } = await runInProcess(['cronjob', 'run', '--', '-o', 'json'])
    expect(stderr).toMatch(/^error: /)
  })

  it('show the stack of a bug only when asked', async () => {
    await using api = await startStubApi((_, response) => json(response, 200, { items: null }))
    const env = { PANDA_URL: api.url }
    const quiet = await runInProcess(['cronjob', 'list'], { env })
    expect(quiet.code).toBe(1)
    expect(quiet.stderr).toContain('panda met a bug')
    expect(quiet.stderr).not.toContain('    at ')
    expect((await runInProcess(['cronjob', 'list'], { env: { ...env, PANDA_DEBUG: '1' } })).stderr).toContain('    at ')
  })
})

const variable = { name: 'KEY', value: 'visible', updatedAt: '2026-05-01T00:00:00Z' }

describe('answers', () => {
  it('mask variables in every format unless --show', async () => {
    const database = { state: 'not-needed', database: null, message: '' }
    await using api = await startStubApi(({ path }, response) =>
      json(response, 200, path === '/v1/database' ? database : { items: [variable], nextCursor: null }),
    )
    const env = { PANDA_URL: api.url }
    for (const format of ['table', 'wide', 'json', 'yaml', 'name']) {
      expect((await runInProcess(['env', 'list', '-o', format], { env })).stdout).not.toContain('visible')
      const shown = await runInProcess(['env', 'list', '--show', '-o', format], { env })
      expect(shown.stdout.includes('visible')).toBe(format !== 'name')
    }
  })

  it('say on stderr that there is nothing, and leave stdout empty', async () => {
    await using api = await startStubApi((_, response) => json(response, 200, { items: [], nextCursor: null }))
    const env = { PANDA_URL: api.url }
    expect(await runInProcess(['alert', 'list'], { env })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'There are no alerts yet. Make one: panda alert create --help\n',
    })
    expect(await runInProcess(['alert', 'list', '--json'], { env })).toMatchObject({
      code: 0,
      stdout: '{\n  "items": [],\n  "nextCursor": null\n}\n',
      stderr: '',
    })
  })

  it('defuse a log on a terminal, keep its colours, and part its streams', async () => {
    const line = (stream: string, text: string) => ({ line: 1, attempt: 1, stream, time: '2026-05-01T00:00:00Z', text })
    const items = [
      line('stdout', `${ESC}[31mred${ESC}]0;title\u0007`),
      line('stderr', 'err'),
      line('panda', 'cut here'),
    ]
    await using api = await startStubApi((_, response) => json(response, 200, { items, nextAfter: null }))
    const argv = ['run', 'logs', `run_${'0'.repeat(32)}`]
    const env = { PANDA_URL: api.url }
    const seen = await runInProcess(argv, { env, terminal })
    expect(seen.stdout).toBe(`${ESC}[31mred${ESC}[0m\n`)
    expect(seen.stderr).toContain('err\n')
    expect(seen.stderr).toContain('[panda] cut here')
    const piped = await runInProcess([...argv, '--timestamps'], { env })
    expect(piped.stdout).toBe(`2026-05-01T00:00:00Z ${ESC}[31mred${ESC}]0;title\u0007\n`)
  })
})

describe('interruption', () => {
  it('ends the following with 130 and says how to go on', async () => {
    let interrupt = () => undefined as void
    await using api = await startStubApi((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(': ping\n\n', () => interrupt())
    })
    const id = `run_${'0'.repeat(32)}`
    const { code, stderr } = await runInProcess(['run', 'logs', id, '--follow'], {
      env: { PANDA_URL: api.url },
      onStart: (given) => {
        interrupt = given
      },
    })
    expect(code).toBe(130)
    expect(stderr).toContain(`Go on with: panda run logs ${id} --follow`)
  })
})

describe('questions', () => {
  it.each([
    { terminal, argv: ['--no-input'] },
    { terminal: undefined, argv: [] },
  ])('are not asked where nobody answers: %j', async ({ terminal, argv }) => {
    await using api = await startStubApi((_, response) => json(response, 200, {}))
    const options = { env: { PANDA_URL: api.url }, ...(terminal === undefined ? {} : { terminal }) }
    const { code, stderr } = await runInProcess(['cronjob', 'delete', 'x', ...argv], options)
    expect(code).toBe(2)
    expect(stderr).toContain('--yes')
    expect(api.calls.map(({ method }) => method)).toEqual(['GET'])
  })

  it('take yes, and for a project only its name', async () => {
    await using api = await startStubApi((_, response) => {
      response.writeHead(204).end()
    })
    const options = { env: { PANDA_URL: api.url }, terminal }
    const ask = (answer: string) => runInProcess(['project', 'delete', 'shop'], { ...options, stdin: answer })
    expect((await ask('shp\r')).code).toBe(1)
    expect(api.calls).toHaveLength(0)
    expect((await ask('shop\r')).code).toBe(0)
    expect(api.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /v1/projects/shop'])
  })
})
