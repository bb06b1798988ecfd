/** Whether a type matches a pattern of a topic exchange: `*` is one word, `#` any number of words. */
export function matches(pattern: string, type: string): boolean {
  return matchWords(pattern.split('.'), type.split('.'))
}

export function matchesAny(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) => matches(pattern, type))
}

function matchWords(pattern: readonly string[], words: readonly string[]): boolean {
  // Which prefixes of the pattern reach the current word: linear in both, however many `#` there are.
  let reached = closure(new Set([0]), pattern)
  for (const word of words) {
    const next = new Set<number>()
    for (const at of reached) {
      const expected = pattern[at]
      if (expected === '#') next.add(at)
      else if (expected === '*' || expected === word) next.add(at + 1)
    }
    reached = closure(next, pattern)
  }
  return reached.has(pattern.length)
}

function closure(states: Set<number>, pattern: readonly string[]): Set<number> {
  for (const at of states) if (pattern[at] === '#') states.add(at + 1)
  return states
}
