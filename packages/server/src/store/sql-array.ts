import { type RawBuilder, sql } from 'kysely'

/** What an array literal holds without quotes; neither a comma nor a blank, a brace, a quote or a backslash. */
const PLAIN = /^[\w.+-]*(?:,[\w.+-]*)*$/

type Plain = string | number | boolean | null

/**
 * A PostgreSQL array as its text form, for values that need no quotes (ids, names of ours, numbers): pg would escape
 * each element by itself, which costs more than all the rest of a claim. Anything else is left to pg.
 */
export function sqlArray(values: readonly Plain[]): string | readonly Plain[] {
  const text = values.map((value) => value ?? 'NULL').join(',')
  const odd = !PLAIN.test(text) || values.some(isAmbiguous)
  return odd ? values : `{${text}}`
}

/** An empty word, the word NULL, or one with a comma would be read as something else. */
function isAmbiguous(value: Plain): boolean {
  return typeof value === 'string' && (value === '' || value.includes(',') || value.toUpperCase() === 'NULL')
}

/**
 * The same with its type, for `unnest`. A column that has one value in all rows, as most have in a large batch, travels
 * as that value.
 *
 * @param type of one element, e.g. `text`
 */
export function sqlColumn(type: 'text' | 'int' | 'float8' | 'bool', values: readonly Plain[]): RawBuilder<unknown> {
  const [first = null] = values
  const element = sql.raw(type)
  if (values.length > 1 && values.every((value) => value === first)) {
    return sql`array_fill(${first}::${element}, array[${values.length}::int])`
  }
  return sql`${sqlArray(values)}::${element}[]`
}
