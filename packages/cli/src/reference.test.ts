import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { NOUNS } from './catalogue.ts'
import { globalParameters } from './help.ts'
import { cliReference } from './reference.ts'

it('docs/reference/cli.md is what the commands say; to renew: npx tsx scripts/cli-reference.ts', async () => {
  const written = await readFile(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8')
  expect(written).toBe(await cliReference(NOUNS, globalParameters()))
})
