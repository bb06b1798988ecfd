/**
 * Edit distance with swaps of neighbours (optimal string alignment): typing errors are mostly one of these four.
 * Quadratic, so both words are cut at 64 characters, the longest name there is.
 */
export function editDistance(first: string, second: string): number {
  const a = first.slice(0, 64)
  const b = second.slice(0, 64)
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1)
      row.push(best)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The candidates that were probably meant, nearest first, at most three. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  const limit = word.length <= 4 ? 1 : word.length <= 8 ? 2 : 3
  const scored: { name: string; distance: number }[] = []
  for (const name of candidates) {
    const close = editDistance(word, name)
    // The beginning of a longer name is meant as often as a mistyped one: `weekly` for `weekly-digest`.
    const distance = word.length >= 3 && name.startsWith(word) ? Math.min(close, 1) : close
    if (distance <= limit && name !== word) scored.push({ name, distance })
  }
  return scored
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, 3)
    .map(({ name }) => name)
}

/** `Did you mean "a", "b" or "c"?`, or undefined when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>, prefix = ''): string | undefined {
  const names = nearest(word, candidates).map((name) => `"${prefix}${name}"`)
  const last = names.pop()
  if (last === undefined) return undefined
  return `Did you mean ${names.length === 0 ? last : `${names.join(', ')} or ${last}`}?`
}
