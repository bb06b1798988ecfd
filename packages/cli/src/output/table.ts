import { plain } from './clean.ts'

export interface Column<T> {
  readonly head: string
  readonly cell: (row: T) => string
  /** Colour, put on after the widths are known. */
  readonly paint?: (text: string, row: T) => string
  /** May be cut with `…` when the terminal is too narrow. */
  readonly flexible?: boolean
  readonly right?: boolean
  /** Left out when the terminal is too narrow, the highest number first; -o wide shows all. */
  readonly dispensable?: number
}
export interface TableOptions {
  /** Columns of the terminal; undefined (a pipe) = nothing is cut. */
  readonly width?: number | undefined
  readonly paintHead?: (text: string) => string
}

const GAP = '  '
const NARROWEST = 8

/**
 * Columns padded with spaces, no borders: the same text on a terminal and in a pipe, so that awk and eyes see the same.
 * Written here and not by cli-table3, which needs 130 ms for 1,000 rows (measured); this needs about 2.
 */
export function renderTable<T>(rows: readonly T[], wanted: readonly Column<T>[], options: TableOptions = {}): string {
  const columns = fitting(rows, wanted, options.width)
  const cells = rows.map((row) => columns.map(({ cell }) => plain(oneLine(cell(row)))))
  const widths = columns.map(({ head }, index) =>
    cells.reduce((width, row) => Math.max(width, lengthOf(row[index] ?? '')), lengthOf(head)),
  )
  if (options.width !== undefined) shrink(widths, columns, options.width)
  const line = (texts: readonly string[], paint: (text: string, index: number) => string) =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0
        const length = lengthOf(text)
        const fitted = length <= width ? text : cut(text, width)
        const padding = ' '.repeat(Math.max(0, width - length))
        const painted = paint(fitted, index)
        if (columns[index]?.right === true) return padding + painted
        return index === texts.length - 1 ? painted : painted + padding
      })
      .join(GAP)
      .trimEnd()
  const head = line(
    columns.map(({ head }) => head),
    (text) => options.paintHead?.(text) ?? text,
  )
  const body = rows.map((row, at) =>
    line(cells[at] ?? [], (text, index) => (text === '' ? text : (columns[index]?.paint?.(text, row) ?? text))),
  )
  return [head, ...body].join('\n')
}

/** Without those columns that can go, as far as it takes to fit the others in at their narrowest. */
function fitting<T>(
  rows: readonly T[],
  wanted: readonly Column<T>[],
  available: number | undefined,
): readonly Column<T>[] {
  if (available === undefined) return wanted
  let columns = wanted
  for (;;) {
    const widths = columns.map(({ head, cell, flexible }) => {
      const full = rows.reduce((width, row) => Math.max(width, lengthOf(cell(row))), lengthOf(head))
      return flexible === true ? Math.min(full, NARROWEST) : full
    })
    if (widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) <= available) return columns
    const first = columns.reduce((most, { dispensable }) => Math.max(most, dispensable ?? 0), 0)
    if (first === 0) return columns
    columns = columns.filter(({ dispensable }) => dispensable !== first)
  }
}

/** Takes the missing room from the flexible columns, the widest first. */
function shrink<T>(widths: number[], columns: readonly Column<T>[], available: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1)
  for (let excess = total() - available; excess > 0; excess = total() - available) {
    let widest = -1
    for (const [index, column] of columns.entries()) {
      if (column.flexible !== true || (widths[index] ?? 0) <= NARROWEST) continue
      if (widest === -1 || (widths[index] ?? 0) > (widths[widest] ?? 0)) widest = index
    }
    if (widest === -1) return
    widths[widest] = Math.max(NARROWEST, (widths[widest] ?? 0) - Math.max(1, Math.ceil(excess / columns.length)))
  }
}

function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll(/\s*\n\s*/g, ' ') : text
}

/** To exactly so many characters, the last one is `…`. */
function cut(text: string, width: number): string {
  return `${Array.from(text)
    .slice(0, Math.max(0, width - 1))
    .join('')}…`
}

/** Code points; characters of double width are counted once (they only move the columns of their own row). */
function lengthOf(text: string): number {
  let { length } = text
  for (let at = 1; at < text.length; at++) if (isPair(text, at)) length--
  return length
}

/** Whether the code unit is the second half of a character. */
function isPair(text: string, at: number): boolean {
  return isBetween(text.charCodeAt(at), 0xdc00, 0xdfff) && isBetween(text.charCodeAt(at - 1), 0xd800, 0xdbff)
}

function isBetween(unit: number, least: number, most: number): boolean {
  return unit >= least && unit <= most
}

/** `Label   value` lines for one thing; lines without a value are left out. */
export function renderFields(
  fields: readonly (readonly [label: string, value: string | null | undefined])[],
  paintLabel: (text: string) => string = (text) => text,
): string {
  const present = fields.filter((field): field is readonly [string, string] => (field[1] ?? '') !== '')
  const width = present.reduce((most, [label]) => Math.max(most, label.length), 0)
  return present.map(([label, value]) => `${paintLabel(label.padEnd(width))}${GAP}${value}`).join('\n')
}
