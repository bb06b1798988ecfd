/** Node 20 has it, the ES2023 types do not know it yet (ES2024). */
interface WellFormed {
  toWellFormed(): string
}

/** PostgreSQL stores neither NUL nor half of a surrogate pair, as text or as jsonb: they are taken out or replaced. */
export function storableText(text: string): string {
  return (text as unknown as WellFormed).toWellFormed().replaceAll('\0', '')
}
