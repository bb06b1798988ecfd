import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cronjob, Run, Secret } from '@pandastack/contract'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pushedImage } from '../support/images.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { type Registry, startRegistry } from '../support/registry.ts'
import { splitShell } from './split-shell.ts'
import { RUNS_HEAD } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => endWorld(world))

/** The article's words about cronjobs, as they are printed. */
async function articleCommands(): Promise<{ create: string[]; run: string[] }> {
  const text = await readFile(join(import.meta.dirname, 'article.txt'), 'utf8')
  const create = /^panda cronjob create[^]*?[^\\]\n/m.exec(text)?.[0]
  const run = /panda cronjob run --name [\w-]+/.exec(text)?.[0]
  if (create === undefined || run === undefined) throw new Error('the article has other commands than expected')
  const [createWords, runWords] = [splitShell(create), splitShell(run)]
  expect([createWords.shift(), runWords.shift()]).toEqual(['panda', 'panda'])
  return { create: createWords, run: runWords }
}

/** What the engine itself says when it is asked for the image, numbers (ports) blanked. */
async function wordsOfEngine(engine: Docker, image: string): Promise<string> {
  try {
    const stream = await engine.pull(image)
    await new Promise<void>((resolve, reject) => {
      engine.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()))
    })
  } catch (error) {
    // dockerode puts its own words before the engine's: `(HTTP code 404) not found - …`.
    return withoutNumbers(
      error instanceof Error ? error.message.replace(/^\(HTTP code \d+\) [^-]+- /, '') : String(error),
    )
  }
  throw new Error(`the engine could pull ${image}`)
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, 'N').trim()
}

describe("the article's commands, word for word", () => {
  it('creates the cronjob and says when it runs and that the image need not be there', async () => {
    const { create } = await articleCommands()
    expect(create).toEqual([
      'cronjob',
      'create',
      '--name',
      'weekly-digest',
      '--image',
      'your-org/mailer:latest',
      '--schedule',
      '0 8 * * 1',
      '--env',
      'MAIL_API_KEY=xxx',
    ])
    const { code, stdout, stderr } = await world.panda.run(create)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('Created cronjob weekly-digest.')
    expect(stdout).toMatch(/Schedule +0 8 \* \* 1 \(.*Monday.*\)/)
    expect(stdout).toMatch(/Next run +Mon \d{4}-\d\d-\d\d 08:00 UTC \(in /)
    expect(stdout).toContain('your-org/mailer:latest (pulled before each run, need not be there yet)')
    expect(stderr).toContain('panda cronjob run --name weekly-digest')
    // The article's variable looks like a key.
    expect(stderr).toMatch(/warning: .*MAIL_API_KEY/)

    const cronjob = await world.panda.json<Cronjob>(['cronjob', 'get', 'weekly-digest'])
    expect(cronjob).toMatchObject({
      name: 'weekly-digest',
      image: 'your-org/mailer:latest',
      schedule: '0 8 * * 1',
      timezone: 'UTC',
      env: { MAIL_API_KEY: 'xxx' },
    })
    expect(new Date(cronjob.nextDueAt ?? '').getUTCDay()).toBe(1)
  })

  it('starts it by hand in both forms; the run ends with the reason of the engine', async () => {
    const { run } = await articleCommands()
    expect(run).toEqual(['cronjob', 'run', '--name', 'weekly-digest'])
    const said = await wordsOfEngine(world.docker.engine, 'your-org/mailer:latest')
    const reasons = /lookup|dial|timeout|connect|EOF/i.test(said)
      ? ['registry-away']
      : ['image-not-found', 'registry-refused']
    for (const words of [run, ['cronjob', 'run', 'weekly-digest']]) {
      const { code, stdout, stderr } = await world.panda.run(words)
      expect(code, stderr).toBe(0)
      const id = /^Started run (run_[0-9a-f]{32}) of weekly-digest\.$/m.exec(stdout)?.[1] ?? ''
      expect(stderr).toContain(`panda run logs ${id} --follow`)
      const ended = await world.panda.until<Run>(
        'the run to fail',
        ['run', 'get', id],
        (run) => run.state === 'failed',
        60_000,
      )
      expect(withoutNumbers(ended.message ?? '')).toBe(said)
      expect(reasons).toContain(ended.reason)
      expect(ended).toMatchObject({ trigger: 'manual', who: 'local', exitCode: null, startedAt: null })
    }
  })

  it('a failed pull gives exit code 5 to who waits, and stands in the table', async () => {
    const { code, stderr } = await world.panda.run(['cronjob', 'run', 'weekly-digest', '--wait'])
    expect(code).toBe(5)
    expect(stderr).toMatch(/weekly-digest failed \((registry-away|image-not-found|registry-refused)\)/)
    const table = await world.panda.ok(['cronjob', 'runs', 'weekly-digest'])
    const [head, ...rows] = table.trim().split('\n')
    expect(head?.split(/\s+/)).toEqual(RUNS_HEAD)
    expect(rows).toHaveLength(3)
    for (const row of rows)
      expect(row).toMatch(/failed +(registry-away|image-not-found|registry-refused) .* manual +local$/)
  })
})

describe('images of a registry that answers', () => {
  it('pulls one that was pushed', async () => {
    await world.panda.ok([
      'cronjob',
      'create',
      'there',
      '--image',
      world.image,
      '--schedule',
      '@yearly',
      '--',
      'echo',
      'here I am',
    ])
    const { code, stdout, stderr } = await world.panda.run(['cronjob', 'run', 'there', '--follow'])
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'here I am\n' })
    const run = await world.panda.json<Run>(['run', 'get', 'there'])
    expect(run.imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  it('tells a missing image apart, in the words of the registry', async () => {
    const image = `${world.registry}/panda-test/nobody-pushed-this:1`
    await world.panda.ok(['cronjob', 'create', 'absent', '--image', image, '--schedule', '@yearly'])
    const { code, stderr } = await world.panda.run(['cronjob', 'run', 'absent', '--wait'])
    expect(code).toBe(5)
    expect(stderr).toContain('absent failed (image-not-found)')
    const run = await world.panda.json<Run>(['run', 'get', 'absent'])
    expect(run).toMatchObject({ state: 'failed', reason: 'image-not-found', exitCode: null })
    expect(withoutNumbers(run.message ?? '')).toBe(await wordsOfEngine(world.docker.engine, image))
  })

  it('never pulls with --pull never', async () => {
    const options = [
      '--image',
      world.image.replace(/:1$/, ':not-on-the-engine'),
      '--schedule',
      '@yearly',
      '--pull',
      'never',
    ]
    const said = await world.panda.ok(['cronjob', 'create', 'local-only', ...options])
    expect(said).toContain('never pulled: it must be on the machine of the server')
    expect((await world.panda.run(['cronjob', 'run', 'local-only', '--wait'])).stderr).toContain('(image-not-found)')
  })
})

describe('a private registry', () => {
  const login = { username: 'bot', password: 'a-password-for-tests' }
  let registry: Registry

  beforeAll(async () => {
    registry = await startRegistry({ login })
  })
  afterAll(async () => registry.stop())

  it('refuses without credentials, and runs with those of `panda secret set --registry`', async () => {
    const { reference } = await pushedImage('busybox', { host: registry.host, login })
    await world.panda.ok([
      'cronjob',
      'create',
      'private',
      '--image',
      reference,
      '--schedule',
      '@yearly',
      '--',
      'echo',
      'inside',
    ])
    const refused = await world.panda.run(['cronjob', 'run', 'private', '--wait'])
    expect(refused.code).toBe(5)
    expect(refused.stderr).toMatch(/private failed \(registry-refused\).*(no basic auth credentials|unauthorized)/i)

    const set = ['secret', 'set', '--registry', registry.host, '--username', login.username, 'PASSWORD=-']
    await world.panda.ok(set, { stdin: 'a wrong password\n' })
    const wrong = await world.panda.run(['cronjob', 'run', 'private', '--wait'])
    expect(wrong.stderr).toContain('private failed (registry-refused)')

    const said = await world.panda.ok(set, { stdin: `${login.password}\n` })
    expect(said).toContain(`Set secret ${registry.host}`)
    const { code, stdout, stderr } = await world.panda.run(['cronjob', 'run', 'private', '--follow'])
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'inside\n' })
  })

  it('never gives the password back', async () => {
    const { items } = await world.panda.json<{ items: Secret[] }>(['secret', 'list'])
    expect(items).toMatchObject([{ kind: 'registry', name: registry.host, cronjob: null, version: 2 }])
    for (const format of ['table', 'wide', 'json', 'yaml']) {
      expect(await world.panda.ok(['secret', 'list', '-o', format])).not.toContain(login.password)
    }
    expect(world.server.logText()).not.toContain(login.password)
  })
})
