// Writes docs/reference/panda.schema.json from the schema that CLI and server check with.
import { writeFileSync } from 'node:fs'
import { manifestJsonSchema } from '@pandastack/contract'

writeFileSync(
  new URL('../docs/reference/panda.schema.json', import.meta.url),
  `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`,
)
