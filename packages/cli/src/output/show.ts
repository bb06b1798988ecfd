import type { Session } from '../session.ts'
import { renderTable, type Column } from './table.ts'

/** How one answer looks in each format; json and yaml are always the API's own shape. */
export interface Views {
  readonly human: (wide: boolean) => string
  readonly name: () => string
}

export async function show(session: Session, value: unknown, views: Views): Promise<void> {
  const text = await render(session, value, views)
  if (text !== '') await session.print(text)
}

async function render(session: Session, value: unknown, views: Views): Promise<string> {
  switch (session.globals.format) {
    case 'json':
      return JSON.stringify(value, null, 2)
    case 'yaml': {
      const { stringify } = await import('yaml')
      return stringify(value, { lineWidth: 0 }).trimEnd()
    }
    case 'name':
      return views.name()
    case 'wide':
      return views.human(true)
    default:
      return views.human(false)
  }
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}
export interface ListViews<T> {
  readonly columns: readonly Column<T>[]
  /** Added behind the others with -o wide. */
  readonly wideColumns?: readonly Column<T>[]
  readonly name: (item: T) => string
  /** Said on stderr when there is nothing. */
  readonly empty: string
}

export async function showList<T>(session: Session, page: Page<T>, views: ListViews<T>): Promise<void> {
  const human = session.globals.format === 'table' || session.globals.format === 'wide'
  if (human && page.items.length === 0) return session.hint(views.empty)
  await show(session, page, {
    name: () => page.items.map(views.name).join('\n'),
    human: (wide) =>
      renderTable(page.items, wide ? [...views.columns, ...(views.wideColumns ?? [])] : views.columns, {
        width: wide || session.io.stdout.isTTY !== true ? undefined : session.io.stdout.columns,
        paintHead: session.style.dim,
      }),
  })
}
