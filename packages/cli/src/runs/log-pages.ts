import type { LogLine } from '@pandastack/contract'
import type { Client, Query } from '../http/client.ts'

/** The API's largest page; a line is up to 1 MiB, most are some 100 bytes. */
const LINES_PER_PAGE = 5000

interface LogPage {
  readonly items: readonly LogLine[]
  readonly nextAfter: number | null
}

/** The stored log, page by page, so that a log of 100 MB is never held at once. */
export async function* logPages(client: Client, id: string, query: Query): AsyncGenerator<LogLine> {
  let after: number | undefined
  for (;;) {
    // `tail` says where the first page begins; the following ones begin where the page before ended.
    const rest = after === undefined ? query : { ...query, tail: undefined, after }
    const page: LogPage = await client.get(`/v1/runs/${id}/logs`, { ...client.project, limit: LINES_PER_PAGE, ...rest })
    yield* page.items
    if (page.nextAfter === null || page.nextAfter === after) return
    after = page.nextAfter
  }
}
