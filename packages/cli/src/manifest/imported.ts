import type { CronjobSpecInput, ManifestInput } from '@pandastack/contract'

/** What an import gives: the file's content, and every thing of the source that is not in it. */
export interface Imported {
  readonly manifest: ManifestInput
  /** One sentence each, with the place in the source. Nothing is left out in silence. */
  readonly notes: readonly string[]
}

/** The source itself cannot be read. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
}

const MAX_NAME_LENGTH = 63

/** A name from free text, different from all that are taken: `Backup DB!` → `backup-db`, then `backup-db-2`. */
export function uniqueName(text: string, taken: Readonly<Record<string, unknown>>): string {
  const base =
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '')
      .slice(0, MAX_NAME_LENGTH)
      .replace(/-+$/, '') || 'job'
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `-${number}`
    const name = base.slice(0, MAX_NAME_LENGTH - suffix.length).replace(/-+$/, '') + suffix
    if (!Object.hasOwn(taken, name)) return name
  }
}

export type CronjobInput = CronjobSpecInput
