/** The base itself or, when it is taken, the first of base-2, base-3 and so on that is not. */
export function firstFree(base: string, taken: readonly string[]): string {
  const names = new Set(taken)
  let name = base
  // Ends: there are finitely many names to meet.
  for (let number = 2; names.has(name); number++) name = `${base}-${number}`
  return name
}
