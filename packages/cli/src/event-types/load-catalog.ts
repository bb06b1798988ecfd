import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { importModule } from '../packages.ts'
import { readText } from '../values.ts'
import type { Catalog, LockedType, LockFile } from './catalog.ts'
import { jsonSchemaOf } from './json-schema-of.ts'

/** What `defineEvents` makes, by shape: it comes from the application's own copy of the SDK. */
interface Defined {
  readonly definitions: ReadonlyMap<string, { version: number; schema: unknown; upgrade: Record<number, unknown> }>
}

/** Event types of a lock file (JSON), or of a module that exports what `defineEvents` made. @throws CliError */
export async function loadCatalog(file: string): Promise<Catalog> {
  return file.endsWith('.json') ? parseLock(file, await readText(file)) : ofModule(file)
}

/** @throws CliError lock_unreadable */
export function parseLock(file: string, text: string): Catalog {
  try {
    const lock = JSON.parse(text) as Partial<LockFile>
    if (lock.lockVersion === 1 && typeof lock.events === 'object') return lock.events
  } catch (error) {
    throw unreadableLock(file, error)
  }
  throw unreadableLock(file)
}

async function ofModule(file: string): Promise<Catalog> {
  await readText(file) // a file that is not there is told in our words
  const exported = await importFile(file)
  const all = Object.values(exported).filter(isDefined)
  if (all.length === 0)
    throw usageError(`${file} exports no event types`, 'Export them: export const types = defineEvents({ … })')
  const catalog: Record<string, LockedType> = {}
  for (const { definitions } of new Set(all)) {
    for (const [type, { version, schema, upgrade }] of definitions) {
      if (catalog[type] !== undefined) throw usageError(`${file} defines ${type} twice`)
      const upgradesFrom = Object.keys(upgrade).map(Number)
      catalog[type] = { version, upgradesFrom: upgradesFrom.sort((a, b) => a - b), schema: jsonSchemaOf(type, schema) }
    }
  }
  return catalog
}

async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await importModule(pathToFileURL(resolve(file)).href)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const typescript = code === 'ERR_UNKNOWN_FILE_EXTENSION'
    throw new CliError(`${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, {
      code: 'file_unreadable',
      exitCode: EXIT.usage,
      hint: typescript
        ? 'TypeScript needs tsx in your project (npm install --save-dev tsx), or Node 22.18 or newer.'
        : 'Run it with node to see where it fails.',
      cause: error,
    })
  }
}

function isDefined(value: unknown): value is Defined {
  return typeof value === 'object' && value !== null && 'definitions' in value && value.definitions instanceof Map
}

function unreadableLock(file: string, cause?: unknown): CliError {
  return new CliError(`${file} is no lock file of event types`, {
    code: 'lock_unreadable',
    exitCode: EXIT.usage,
    hint: 'Take it back from version control, or delete it and write it anew with --write.',
    cause,
  })
}
