import { PandaError } from './errors.ts'

/** All names of an options type: one that is missing or too many is an error of the compiler. */
export function namesOf<T>(names: Readonly<Record<keyof Required<T>, true>>): ReadonlySet<string> {
  return new Set(Object.keys(names))
}

/**
 * Refuses options that nobody would read: a mistyped one would otherwise be the default, silently.
 * @param owner begins the message, e.g. `a job`
 * @throws PandaError invalid_option; its hint says which name was probably meant
 */
export function assertKnown(options: object, known: ReadonlySet<string>, owner: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new PandaError('invalid_option', `${owner} takes an object of options, not ${describe(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!known.has(name)) {
      throw new PandaError('invalid_option', `${owner} has no option "${name}"`, { hint: hintFor(name, known) })
    }
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

function hintFor(name: string, known: ReadonlySet<string>): string {
  const near = nearest(name, known)
  if (near !== null) return `Did you mean "${near}"?`
  return known.size === 0 ? 'It takes none.' : `There are: ${[...known].join(', ')}.`
}

/** The name that was probably meant: about one slip of the keys in three letters, capitals aside. */
function nearest(name: string, known: ReadonlySet<string>): string | null {
  let best: string | null = null
  let least = Math.min(3, Math.max(1, Math.floor(name.length / 3))) + 1
  for (const candidate of known) {
    const slips = distance(name.toLowerCase(), candidate.toLowerCase())
    if (slips < least) [best, least] = [candidate, slips]
  }
  return best
}

/** Letters to add, drop or change to make `b` of `a`; two that were swapped count as one. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, rows[i - 1]![j - 1]! + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      }
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
