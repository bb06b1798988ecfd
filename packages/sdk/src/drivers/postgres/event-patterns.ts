/** A subscription's patterns as PostgreSQL compares them: types that are named whole, and one regular expression for the rest. */
export interface PatternColumns {
  readonly exact: readonly string[]
  /** Of the type with a dot behind it, so that each word ends alike; null when there is nothing to it. */
  readonly expression: string | null
}

export function patternColumns(patterns: readonly string[]): PatternColumns {
  const exact = patterns.filter((pattern) => !/[*#]/.test(pattern))
  const others = patterns.filter((pattern) => /[*#]/.test(pattern)).map(expressionOf)
  return { exact, expression: others.length === 0 ? null : `^(?:${others.join('|')})$` }
}

function expressionOf(pattern: string): string {
  return pattern
    .split('.')
    .map((word) => {
      if (word === '#') return String.raw`(?:[^.]+\.)*`
      if (word === '*') return String.raw`[^.]+\.`
      return `${word.replaceAll(/[^A-Za-z0-9_]/g, String.raw`\$&`)}\\.`
    })
    .join('')
}
