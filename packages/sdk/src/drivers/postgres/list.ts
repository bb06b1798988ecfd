import { PandaError } from '../../errors.ts'
import type { ListPage, ListQuery } from '../../queue/driver.ts'
import { isFinalJobState, type JobState } from '../../queue/states.ts'
import type { Row } from './connect.ts'
import { ENDED_COLUMNS, LIVE_COLUMNS, LIVE_JOINS, recordOf, STATES } from './read.ts'
import type { Store } from './store.ts'

/** The place of a row in the order of its list: lane, rank and seq of a queued one, else seq alone; then the id. */
type Place = readonly [lane: number, rank: number, seq: string, id: string]

/** Each state is read along an index; a page is as quick at the end of a million as at its start. */
export async function list(store: Store, queue: string, query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
  const limit = Math.max(1, Math.floor(query.limit))
  const after = query.cursor === undefined ? null : placeOf(query.cursor)
  const rows = await store.run(
    {
      text: textFor(query.state, after !== null, query.group !== undefined),
      values: [
        await store.lookup(queue),
        limit + 1,
        ...(after === null ? [] : query.state === 'queued' ? after : after.slice(2)),
        ...(query.group === undefined ? [] : [query.group]),
      ],
      doing: `list jobs of ${queue}`,
    },
    signal,
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { jobs: page.map(recordOf), cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null }
}

function textFor(state: JobState, hasCursor: boolean, hasGroup: boolean): string {
  const number = STATES.indexOf(state)
  const group = (at: number, column = 'l.name'): string => (hasGroup ? `and ${column} = $${at}` : '')
  if (state === 'queued') {
    const after = hasCursor ? 'and (j.lane, j.rank, j.seq, j.id) > ($3::int4, $4::int2, $5::int8, $6::uuid)' : ''
    return `select ${LIVE_COLUMNS} from (select $1::int4 as id union all select id from {s}.lanes where queue = $1) lane
      cross join lateral (select * from {s}.jobs j where j.lane = lane.id and j.state = 1 ${after}
        order by j.lane, j.rank, j.seq limit $2) j ${LIVE_JOINS}
      where true ${group(hasCursor ? 7 : 3)} order by j.lane, j.rank, j.seq, j.id limit $2`
  }
  const after = (alias: string): string => (hasCursor ? `and (${alias}.seq, ${alias}.id) > ($3::int8, $4::uuid)` : '')
  const groupAt = hasCursor ? 5 : 3
  if (isFinalJobState(state)) {
    return `select ${ENDED_COLUMNS} from {s}.ended e
      where e.queue = $1 and e.state = ${number} ${after('e')} ${group(groupAt, 'e.lane')} order by e.seq, e.id limit $2`
  }
  if (state === 'running') {
    return `select ${LIVE_COLUMNS} from {s}.jobs j ${LIVE_JOINS}
      where j.state = 2 and j.worker in (select no from {s}.workers where queue = $1) ${after('j')} ${group(groupAt)}
      order by j.seq, j.id limit $2`
  }
  return `select ${LIVE_COLUMNS} from {s}.jobs j ${LIVE_JOINS}
    where j.lane = $1 and j.state in (0, 3) and j.state = ${number} ${after('j')} ${group(groupAt)} order by j.seq, j.id limit $2`
}

function cursorOf(row: Row): string {
  return JSON.stringify([row['lane_id'], row['rank'], row['seq'], row['id']])
}

/** @throws PandaError invalid_option */
function placeOf(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(cursor)
    if (Array.isArray(place) && place.length === 4) return place as unknown as Place
  } catch {
    // Said below.
  }
  throw new PandaError('invalid_option', 'the cursor is not one of an earlier page')
}
