import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorsTable, settingsTable, withTable } from '../test/support/reference-pages.ts'

/** Writes the tables of docs/reference that are made from the code. A test fails while they differ. */
for (const [name, table] of [
  ['errors.md', errorsTable()],
  ['configuration.md', settingsTable()],
] as const) {
  const file = join(import.meta.dirname, '../docs/reference', name)
  await writeFile(file, withTable(await readFile(file, 'utf8'), table))
}
