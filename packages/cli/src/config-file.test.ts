import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../test/support/temp-dir.ts'
import { configPath, readConfigFile, writeConfigFile, type ConfigFile } from './config-file.ts'
import { CliError } from './errors.ts'

const FILE: ConfigFile = {
  current: 'work',
  contexts: { work: { url: 'https://panda.example', token: 'panda_x', project: 'shop' } },
}

async function failureOf(env: NodeJS.ProcessEnv): Promise<CliError> {
  try {
    await readConfigFile(env)
  } catch (error) {
    if (error instanceof CliError) return error
    throw error
  }
  throw new Error('it was read')
}

describe('the file of saved logins', () => {
  it('is empty when it is not there, also below a file', async () => {
    await using folder = await tempDir('config')
    const path = join(folder.path, 'none.json')
    expect(await readConfigFile({ PANDA_CONFIG: path })).toEqual({ current: null, contexts: {} })
    await writeFile(path, '{}')
    expect(await readConfigFile({ PANDA_CONFIG: join(path, 'below') })).toEqual({ current: null, contexts: {} })
  })

  it('is read as it was written, for its owner only, with nothing left beside it', async () => {
    await using folder = await tempDir('config')
    const env = { PANDA_CONFIG: join(folder.path, 'new', 'config.json') }
    await writeConfigFile(env, { current: null, contexts: {} })
    await writeConfigFile(env, FILE)
    expect(await readConfigFile(env)).toEqual(FILE)
    expect((await stat(env.PANDA_CONFIG)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder.path, 'new'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(folder.path, 'new'))).toEqual(['config.json'])
  })

  it.each([
    ['no JSON', '{', /JSON/],
    ['no object', '[1]'.slice(1, 2), /holds no object/],
    ['null', 'null', /holds no object/],
    ['a login without a token', '{"contexts":{"a":{"url":"http://x"}}}', /"a" has no url or token/],
  ])('that holds %s is refused with its name and what to do', async (_, text, why) => {
    await using folder = await tempDir('config')
    const path = join(folder.path, 'config.json')
    await writeFile(path, text)
    const error = await failureOf({ PANDA_CONFIG: path })
    expect(error).toMatchObject({ code: 'invalid_config', message: `${path} cannot be read` })
    expect(error.fields.why?.join()).toMatch(why)
    expect(error.fields.hint).toContain('panda login')
  })

  it('that cannot be replaced leaves the old one and no draft', async () => {
    await using folder = await tempDir('config')
    const path = join(folder.path, 'config.json')
    await mkdir(join(path, 'in-the-way'), { recursive: true })
    await expect(writeConfigFile({ PANDA_CONFIG: path }, FILE)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    expect(await readdir(folder.path)).toEqual(['config.json'])
  })

  it('lies in the folder for settings unless PANDA_CONFIG names another', async () => {
    expect(await configPath({ PANDA_CONFIG: '/x/y.json' })).toBe('/x/y.json')
    for (const env of [{}, { PANDA_CONFIG: '' }]) expect(await configPath(env)).toMatch(/panda.*config\.json$/)
  })

  it('shows a token to nobody in an error', async () => {
    await using folder = await tempDir('config')
    const path = join(folder.path, 'config.json')
    await writeFile(path, '{"contexts":{"a":{"url":5,"token":"panda_secret"}}}')
    const error = await failureOf({ PANDA_CONFIG: path })
    expect(JSON.stringify(error.fields)).not.toContain('panda_secret')
    expect(await readFile(path, 'utf8')).toContain('panda_secret')
  })
})
