import type { Run } from '@pandastack/contract'
import { PAGE_LIMIT, type Client } from '../http/client.ts'
import { showList, type Page } from '../output/show.ts'
import { parseSince } from '../parse-time.ts'
import type { Session } from '../session.ts'
import { runColumns } from './view.ts'

export interface RunFilter {
  readonly cronjob?: string | undefined
  readonly state?: string | undefined
  readonly since?: string | undefined
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

const DEFAULT_LIMIT = 20

/** The newest runs, over as many pages as --limit needs. */
export async function listRuns(session: Session, api: Client, filter: RunFilter, empty: string): Promise<void> {
  const since = filter.since === undefined ? undefined : parseSince(filter.since, '--since', session.io.now())
  const wanted = filter.limit ?? DEFAULT_LIMIT
  const items: Run[] = []
  let nextCursor: string | null = filter.cursor ?? null
  do {
    const page: Page<Run> = await api.get('/v1/runs', {
      ...api.project,
      cronjob: filter.cronjob,
      state: filter.state,
      since,
      limit: Math.min(PAGE_LIMIT, wanted - items.length),
      cursor: nextCursor ?? undefined,
    })
    items.push(...page.items)
    nextCursor = page.nextCursor
  } while (nextCursor !== null && items.length < wanted)
  const columns = runColumns(session, { cronjob: filter.cronjob === undefined })
  await showList(session, { items, nextCursor }, { ...columns, name: ({ id }) => id, empty })
  if (nextCursor !== null) await session.hint(`There are more: --limit ${wanted * 5}`)
}
