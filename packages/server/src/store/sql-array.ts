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
