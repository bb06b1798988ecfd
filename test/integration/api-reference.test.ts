import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorsTable, settingsTable, withTable } from '../support/reference-pages.ts'

const page = (name: string) => readFile(join(import.meta.dirname, '../../docs/reference', name), 'utf8')

/** To write them anew: npx tsx --conditions=source scripts/write-reference.ts */
describe('the reference', () => {
  it('lists every error as the code has it', async () => {
    const text = await page('errors.md')
    expect(text).toBe(withTable(text, errorsTable()))
  })

  it('lists every variable as the code has it', async () => {
    const text = await page('configuration.md')
    expect(text).toBe(withTable(text, settingsTable()))
  })
})
