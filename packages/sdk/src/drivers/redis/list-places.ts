/** Pages of jobs that stand in sorted sets, or in the workers' running sets. Cursors are JSON. */
import type { Redis } from './client.ts'
import type { IdPage } from './list.ts'

type Position = readonly [number, string]

/** By time, then by id. */
export async function runningPage(redis: Redis, prefix: string, cursor: string | null, size: number): Promise<IdPage> {
  const workers = await redis.zrange(`${prefix}l`, '0', '-1')
  const held = await Promise.all(workers.map(async (worker) => redis.hgetall(`${prefix}r:${worker}`)))
  const all = held.flatMap((jobs) =>
    Object.entries(jobs).map(([id, fence]): Position => [Number.parseInt(fence, 10), id]),
  )
  return cut(all, cursor, size)
}

/** `scheduled` ones first by their time; then those that wait for children, which have none. */
export async function duePage(
  redis: Redis,
  prefix: string,
  set: 'sc' | 're',
  cursor: string | null,
  size: number,
): Promise<IdPage> {
  const places: readonly Place[] =
    set === 're'
      ? [{ key: 're', shift: 0 }]
      : [
          { key: 'sc', shift: 0 },
          { key: 'kw', shift: CHILDREN_LAST },
        ]
  return merged(redis, prefix, places, cursor, size)
}
/** More than any time: with the count of children added, these come behind all times. */
const CHILDREN_LAST = 8e15

const LETTERS = { succeeded: 's', cancelled: 'c', dead: 'd' } as const
const WATCHED_MS = 60_000

/** In the order in which they ended. Watched ones lie apart, by the time until which they are kept. */
export async function endedPage(
  redis: Redis,
  prefix: string,
  state: keyof typeof LETTERS,
  cursor: string | null,
  size: number,
): Promise<IdPage> {
  const letter = LETTERS[state]
  const places = [
    { key: `f:${letter}`, shift: 0 },
    { key: `fw:${letter}`, shift: -WATCHED_MS },
  ]
  return merged(redis, prefix, places, cursor, size)
}

interface Place {
  readonly key: string
  /** Added to the scores, so that those of all places compare. */
  readonly shift: number
}

async function merged(
  redis: Redis,
  prefix: string,
  places: readonly Place[],
  cursor: string | null,
  size: number,
): Promise<IdPage> {
  const after = cursor === null ? null : (JSON.parse(cursor) as Position)
  const found = await Promise.all(places.map(async (place) => behind(redis, prefix, place, after, size + 1)))
  return cut(found.flat(), cursor, size)
}

/** The first ones behind a position; of the same score as that, all are looked through. */
async function behind(
  redis: Redis,
  prefix: string,
  place: Place,
  after: Position | null,
  size: number,
): Promise<Position[]> {
  const key = `${prefix}${place.key}`
  const read = async (from: string, to: string, limit: number) => {
    const flat = await redis.zrangebyscore(key, from, to, 'WITHSCORES', 'LIMIT', 0, limit)
    return Array.from({ length: flat.length / 2 }, (_, index): Position => [
      Number(flat[2 * index + 1]) + place.shift,
      flat[2 * index] ?? '',
    ])
  }
  if (after === null) return read('-inf', '+inf', size)
  const score = after[0] - place.shift
  const equal = (await read(String(score), String(score), -1)).filter(([, id]) => id > after[1])
  return [...equal, ...(await read(`(${score}`, '+inf', size))]
}

function cut(all: readonly Position[], cursor: string | null, size: number): IdPage {
  const after = cursor === null ? null : (JSON.parse(cursor) as Position)
  const sorted = all.filter((one) => after === null || compare(one, after) > 0).toSorted(compare)
  const page = sorted.slice(0, size)
  const last = page.at(-1)
  return {
    ids: page.map(([, id]) => id),
    next: last === undefined || page.length === sorted.length ? null : JSON.stringify(last),
  }
}

function compare(a: Position, b: Position): number {
  return a[0] - b[0] || (a[1] < b[1] ? -1 : Number(a[1] > b[1]))
}
