import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Panda } from './panda.ts'

it('panda event check reads TypeScript by the tsx of the project', async () => {
  const folder = await mkdtemp(join(import.meta.dirname, '../.event-types-'))
  try {
    const source = `import { defineEvents } from '@pandastack/sdk/events'
import { z } from 'zod'
interface Old { readonly id: number }
const upgrade = { 1: (old: Old) => ({ id: String(old.id) }) }
export const types = defineEvents({ 'user.signed_up': { version: 2, schema: z.object({ id: z.string() }), upgrade } })
`
    await writeFile(join(folder, 'events.ts'), source)
    const panda = new Panda({ HOME: folder })
    const first = await panda.run(['event', 'check', 'events.ts', '--write'], { cwd: folder })
    expect(first, first.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('the lock file is written') })
    await writeFile(join(folder, 'events.ts'), source.replace('id: z.string()', 'id: z.boolean()'))
    const second = await panda.run(['event', 'check', 'events.ts', '-o', 'name'], { cwd: folder })
    expect([second.code, second.stdout]).toEqual([1, 'user.signed_up type_changed id\n'])
  } finally {
    await rm(folder, { recursive: true })
  }
})
