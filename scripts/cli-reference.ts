import { writeFile } from 'node:fs/promises'
import { NOUNS } from '../packages/cli/src/catalogue.ts'
import { globalParameters } from '../packages/cli/src/help.ts'
import { cliReference } from '../packages/cli/src/reference.ts'

/** Writes docs/reference/cli.md. Run: npx tsx --conditions source scripts/cli-reference.ts */
await writeFile(new URL('../docs/reference/cli.md', import.meta.url), await cliReference(NOUNS, globalParameters()))
