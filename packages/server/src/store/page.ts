import { PandaError } from '@pandastack/contract'

/** A page of a list that is ordered by one text column (an id or a name), which no insert can shift. */
export interface PageRequest {
  readonly limit: number
  /** Show what comes behind this; null = from the start. */
  readonly after: string | null
}

export interface Page<T> {
  readonly items: T[]
  readonly nextCursor: string | null
}

/** @throws PandaError `invalid_cursor` */
export function pageRequest(query: { limit: number; cursor?: string | undefined }): PageRequest {
  return { limit: query.limit, after: query.cursor === undefined ? null : decodeCursor(query.cursor) }
}

/** Cursors are opaque to clients: what is inside may change from release to release. */
export function encodeCursor(position: string): string {
  return Buffer.from(`1:${position}`, 'utf8').toString('base64url')
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!text.startsWith('1:') || text.length > 400 || text.includes('\0')) {
    throw new PandaError('invalid_cursor', `"${cursor.slice(0, 80)}" is not a cursor of this server.`)
  }
  return text.slice(2)
}

/** Makes a page of rows that were asked for with `limit + 1`: the extra one tells whether there are more. */
export function keyPage<Row, T>(
  rows: readonly Row[],
  page: PageRequest,
  key: (row: Row) => string,
  convert: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, page.limit)
  const last = shown.at(-1)
  return {
    items: shown.map(convert),
    nextCursor: rows.length > page.limit && last !== undefined ? encodeCursor(key(last)) : null,
  }
}

export function idPage<Row extends { id: string }, T>(
  rows: readonly Row[],
  page: PageRequest,
  convert: (row: Row) => T,
): Page<T> {
  return keyPage(rows, page, (row) => row.id, convert)
}
