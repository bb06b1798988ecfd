import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliOptions, runInProcess } from '../support/cli-io.ts'

/** `panda event check` on files as an application has them. In the repository, so that they find zod and the SDK. */

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(import.meta.dirname, '../.event-types-'))
})
afterEach(() => rm(folder, { recursive: true }))

let made = 0
/** A module with one event type; each has a name of its own, since modules are loaded once. */
async function types(definition: string, ending = 'mjs'): Promise<string> {
  const file = join(folder, `events-${(made += 1)}.${ending}`)
  const imports = `import { defineEvents } from '../../packages/sdk/src/events/event-types.ts'\nimport { z } from 'zod'\n`
  await writeFile(file, `${imports}export const types = defineEvents({ 'user.signed_up': ${definition} })\n`)
  return file
}

async function check(words: string[], options: CliOptions = {}) {
  const { code, stdout, stderr } = await runInProcess(['event', 'check', ...words], options)
  return { code, stdout, stderr }
}
const lock = () => readFile(join(folder, 'panda-events.lock.json'), 'utf8')

describe('panda event check', () => {
  it('writes a lock, is content with it, and tells when it is behind', async () => {
    const first = await types('z.object({ id: z.string() })')
    expect((await check([first])).stderr).toContain('Write it with --write')
    expect(await check([first, '--write'])).toMatchObject({ code: 0, stdout: expect.stringContaining('1 new') })
    expect(JSON.parse(await lock())).toEqual({
      lockVersion: 1,
      events: {
        'user.signed_up': {
          version: 1,
          upgradesFrom: [],
          schema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
        },
      },
    })
    expect(await check([first])).toMatchObject({ code: 0, stderr: '' })
    const second = await types('z.object({ id: z.string(), age: z.number().optional() })')
    expect(await check([second])).toMatchObject({ code: 1, stderr: expect.stringContaining('is behind') })
    expect((await check([second, '--write'])).code).toBe(0)
    expect((await check([second])).code).toBe(0)
  })

  it('fails on an incompatible change with a report, and leaves the lock alone', async () => {
    const first = await types('z.object({ id: z.string(), email: z.string() })')
    await check([first, '--write'])
    const before = await lock()
    const second = await types('z.object({ id: z.number(), plan: z.string() })')
    const { code, stdout } = await check([second, '--write', '-o', 'json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      compatible: false,
      written: false,
      mode: 'full',
      changed: ['user.signed_up'],
      problems: [
        { type: 'user.signed_up', rule: 'required_added', path: 'plan' },
        { rule: 'type_changed', path: 'id', message: expect.stringContaining('neither side') },
        { rule: 'required_removed', path: 'email' },
      ],
    })
    expect(await lock()).toBe(before)
    const upgraded =
      '{ version: 2, schema: z.object({ id: z.number() }), upgrade: { 1: (old) => ({ id: Number(old.id) }) } }'
    expect((await check([await types(upgraded), '--write'])).code).toBe(0)
  })

  it('compares two modules, one way if told', async () => {
    const narrow = await types('z.object({ id: z.string() })')
    const wide = await types('z.object({ id: z.union([z.string(), z.number()]) })')
    const both = await check([wide, '--against', narrow, '-o', 'name'])
    expect([both.code, both.stdout]).toEqual([1, 'user.signed_up type_widened id\n'])
    expect((await check([wide, '--against', narrow, '--mode', 'backward'])).code).toBe(0)
    expect((await check([wide, '--against', narrow])).stdout).toContain('older consumers refuse new events: id')
  })

  it('reads TypeScript', async () => {
    const file = await types('z.object({ id: z.string() as z.ZodString })', 'ts')
    expect((await check([file, '--write'])).code).toBe(0)
  })

  it('says what is wrong with the files', async () => {
    const none = join(folder, 'none.mjs')
    await writeFile(none, 'export const x = 1\n')
    expect(await check([none])).toMatchObject({ code: 2, stderr: expect.stringContaining('exports no event types') })
    expect(await check([join(folder, 'gone.mjs')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be read'),
    })
    const broken = join(folder, 'broken.mjs')
    await writeFile(broken, 'throw new Error("at start")\n')
    expect(await check([broken])).toMatchObject({ code: 2, stderr: expect.stringContaining('at start') })
    await writeFile(join(folder, 'panda-events.lock.json'), '<<<<<<< HEAD')
    expect(await check([await types('z.object({})')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no lock file of event types'),
    })
  })
})
