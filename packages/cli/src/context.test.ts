import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readConfigFile, writeConfigFile, type ConfigFile } from './config-file.ts'
import { findTarget } from './context.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'panda-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

const none = { url: undefined, project: undefined, context: undefined }
const saved: ConfigFile = {
  current: 'prod',
  contexts: {
    prod: { url: 'https://prod.example.com', token: 'panda_prod', project: 'shop' },
    lab: { url: 'http://lab:7300', token: 'panda_lab' },
  },
}

/** HOME is the folder, so that the default home and config file are there, too. */
function env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PANDA_CONFIG: join(folder, 'config.json'), ...more }
}
async function localServer(): Promise<string> {
  await writeFile(join(folder, 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:7411', pid: 1 }))
  await writeFile(join(folder, 'token'), 'panda_local\n')
  return folder
}

describe('findTarget', () => {
  it('takes the current context', async () => {
    await writeConfigFile(env(), saved)
    expect(await findTarget(none, env({ PANDA_HOME: join(folder, 'empty') }))).toMatchObject({
      url: 'https://prod.example.com',
      token: 'panda_prod',
      project: 'shop',
    })
  })

  it('takes the server of a PANDA_HOME that is named, before the current context', async () => {
    await writeConfigFile(env(), saved)
    expect(await findTarget(none, env({ PANDA_HOME: await localServer() }))).toMatchObject({
      url: 'http://127.0.0.1:7411',
      token: 'panda_local',
      project: undefined,
    })
  })

  it('takes variables before files and flags before variables', async () => {
    await writeConfigFile(env(), saved)
    const variables = env({ PANDA_URL: 'http://var:1', PANDA_TOKEN: 'panda_var', PANDA_PROJECT: 'var' })
    expect(await findTarget(none, variables)).toEqual({
      url: 'http://var:1',
      token: 'panda_var',
      project: 'var',
      source: 'PANDA_URL',
    })
    expect(await findTarget({ ...none, url: 'http://flag:1', project: 'flag' }, variables)).toMatchObject({
      url: 'http://flag:1',
      project: 'flag',
    })
  })

  it('takes a context by its name, with its own token', async () => {
    await writeConfigFile(env(), saved)
    expect(await findTarget({ ...none, context: 'lab' }, env({ PANDA_TOKEN: 'panda_var' }))).toMatchObject({
      url: 'http://lab:7300',
      token: 'panda_lab',
    })
  })

  it('never sends a saved or local token to another address', async () => {
    await writeConfigFile(env(), saved)
    const home = await localServer()
    for (const url of ['http://evil.example.com', 'http://prod.example.com', 'https://prod.example.com:8443']) {
      expect((await findTarget({ ...none, url }, env())).token).toBeUndefined()
      expect((await findTarget({ ...none, url }, env({ PANDA_HOME: home }))).token).toBeUndefined()
      expect((await findTarget({ ...none, url, context: 'prod' }, env())).token).toBeUndefined()
      expect((await findTarget(none, env({ PANDA_URL: url }))).token).toBeUndefined()
    }
    expect((await findTarget({ ...none, url: 'https://prod.example.com/' }, env())).token).toBe('panda_prod')
  })

  it('falls back to the usual address', async () => {
    expect(await findTarget(none, env({ PANDA_HOME: join(folder, 'empty') }))).toEqual({
      url: 'http://127.0.0.1:7300',
      token: undefined,
      project: undefined,
      source: 'default',
    })
  })

  it('keeps the local token from whoever took the port of a server that is gone', async () => {
    const home = await localServer()
    const gone = spawn(process.execPath, ['-e', ''])
    await once(gone, 'exit')
    for (const pid of [gone.pid, 0, -1, '1', undefined]) {
      await writeFile(join(home, 'server.json'), JSON.stringify({ url: 'http://127.0.0.1:7411', pid }))
      const target = await findTarget(none, env({ PANDA_HOME: home }))
      expect(target, String(pid)).toMatchObject({ url: 'http://127.0.0.1:7411', token: undefined })
    }
    await rm(join(home, 'server.json'))
    expect((await findTarget(none, env({ PANDA_HOME: home }))).token).toBeUndefined()
  })

  it('bears a half-written server.json', async () => {
    const home = await localServer()
    await writeFile(join(home, 'server.json'), '{"url":')
    expect(await findTarget(none, env({ PANDA_HOME: home }))).toMatchObject({
      url: 'http://127.0.0.1:7300',
      token: undefined,
    })
  })

  it('refuses what is no address and what is no context', async () => {
    await writeConfigFile(env(), saved)
    await expect(findTarget({ ...none, url: 'localhost:7300' }, env())).rejects.toMatchObject({ exitCode: 2 })
    await expect(findTarget({ ...none, url: 'file:///etc/passwd' }, env())).rejects.toMatchObject({ exitCode: 2 })
    await expect(findTarget(none, env({ PANDA_URL: 'nonsense' }))).rejects.toThrow('PANDA_URL')
    await expect(findTarget({ ...none, context: 'prd' }, env())).rejects.toMatchObject({
      exitCode: 3,
      fields: { hint: 'Did you mean "prod"?' },
    })
    await expect(findTarget({ ...none, context: 'constructor' }, env())).rejects.toMatchObject({ exitCode: 3 })
  })
})

describe('the config file', () => {
  it('can be read by its owner only and leaves no drafts', async () => {
    await writeConfigFile(env(), saved)
    await writeConfigFile(env(), { ...saved, current: null })
    expect((await stat(join(folder, 'config.json'))).mode & 0o777).toBe(0o600)
    expect((await readConfigFile(env())).current).toBeNull()
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toContain('panda_prod')
  })

  it.each(['{', '[]x', 'null', '{"contexts":{"a":{"url":1}}}'])(
    'that holds %s is an error with a way out',
    async (text) => {
      await writeFile(join(folder, 'config.json'), text)
      await expect(readConfigFile(env())).rejects.toMatchObject({ code: 'invalid_config', exitCode: 1 })
    },
  )

  it('may be absent', async () => expect(await readConfigFile(env())).toEqual({ current: null, contexts: {} }))
})
