import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderFields, renderTable, type Column } from './table.ts'

interface Row {
  name: string
  count: number
  note: string
}
const columns: Column<Row>[] = [
  { head: 'NAME', cell: ({ name }) => name },
  { head: 'COUNT', cell: ({ count }) => String(count), right: true },
  { head: 'NOTE', cell: ({ note }) => note, flexible: true },
]
const rows: Row[] = [
  { name: 'a', count: 5, note: 'short' },
  { name: 'longer-name', count: 12_345, note: 'a note that is rather long for a narrow terminal' },
]

describe('renderTable', () => {
  it('aligns columns without borders or blanks at line ends', () => {
    expect(renderTable(rows, columns)).toBe(
      [
        'NAME         COUNT  NOTE',
        'a                5  short',
        'longer-name  12345  a note that is rather long for a narrow terminal',
      ].join('\n'),
    )
  })

  it('cuts flexible columns to the terminal', () => {
    const lines = renderTable(rows, columns, { width: 40 }).split('\n')
    expect(lines[2]).toMatch(/^longer-name {2}12345 {2}a note that is ra\w*…$/)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40)
  })

  it('leaves out columns that can go, on a terminal that is too narrow for all', () => {
    const many = columns.map((column) => (column.head === 'COUNT' ? { ...column, dispensable: 1 } : column))
    expect(renderTable(rows, many, { width: 24 }).split('\n')[0]).toBe('NAME         NOTE')
    expect(renderTable(rows, many, { width: 40 })).toContain('COUNT')
    expect(renderTable(rows, many)).toContain('COUNT')
  })

  it('cuts nothing that is not flexible', () => {
    expect(renderTable(rows, columns, { width: 10 })).toContain('longer-name')
  })

  it('keeps the columns straight under colours', () => {
    const painted: Column<Row>[] = columns.map((column) => ({
      ...column,
      paint: (text) => `\u001b[31m${text}\u001b[39m`,
    }))
    const plain = renderTable(rows, painted).replaceAll('\u001b[31m', '').replaceAll('\u001b[39m', '')
    expect(plain.split('\n').map((line) => line.trimEnd())).toEqual(renderTable(rows, columns).split('\n'))
  })

  it('defuses what others wrote into a cell', () => {
    const text = renderTable([{ name: 'x', count: 1, note: 'a\u001b[2Jb\nsecond\tline' }], columns)
    expect(text).not.toContain('\u001b')
    expect(text.split('\n')).toHaveLength(2)
  })

  it('keeps the columns straight, whatever stands in them', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'ß', '語', '😀', '\ud83d', '\udc00', '\n'), maxLength: 20 })
    const row = fc.record({ name: text, count: fc.nat(), note: text })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.option(fc.integer({ min: 20, max: 60 })), (many, width) => {
        const edge = { head: '|', cell: () => '|' }
        const lines = renderTable(many, [...columns, edge], { width: width ?? undefined }).split('\n')
        expect(lines).toHaveLength(many.length + 1)
        // By characters, as `Array.from` counts them: a pair is one, half a pair is one.
        expect(new Set(lines.map((line) => Array.from(line).length)).size).toBe(1)
      }),
    )
  })
})

it('shows fields that have a value', () => {
  expect(
    renderFields([
      ['Name', 'x'],
      ['Empty', ''],
      ['Absent', null],
      ['Long label', 'y'],
    ]),
  ).toBe('Name        x\nLong label  y')
})
