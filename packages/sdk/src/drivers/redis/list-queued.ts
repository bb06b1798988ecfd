/** Pages of queued jobs: the lists of the ungrouped ones from the highest priority down, then group by group. */
import type { Redis } from './client.ts'
import type { IdPage } from './list.ts'

/** List or group; for a list: how many were before, and the last one; for a group: score and id of the last one. */
type Cursor = readonly ['l', number, number, string] | readonly ['g', string, string, string]

export async function queuedPage(
  redis: Redis,
  prefix: string,
  group: string | undefined,
  cursor: string | null,
  size: number,
): Promise<IdPage> {
  const from = cursor === null ? null : (JSON.parse(cursor) as Cursor)
  if (group === undefined && (from === null || from[0] === 'l')) {
    const page = await listPage(redis, prefix, from === null || from[0] !== 'l' ? null : from, size)
    if (page !== null) return page
  }
  return groupPage(redis, prefix, group, from?.[0] === 'g' ? from : null, size)
}

/** Null when the lists are through. */
async function listPage(
  redis: Redis,
  prefix: string,
  from: Extract<Cursor, readonly ['l', ...unknown[]]> | null,
  size: number,
): Promise<IdPage | null> {
  const set = await redis.zrange(`${prefix}v`, '0', '-1')
  const levels = [...new Set([...set.map(Number), 0])].toSorted((a, b) => b - a)
  for (const level of levels) {
    if (from !== null && level > from[1]) continue
    const name = level === 0 ? 'w' : `w:${level}`
    const start =
      from !== null && level === from[1] ? await startBehind(redis, `${prefix}${name}`, from[2], from[3]) : 0
    const ids = await redis.lrange(`${prefix}${name}`, start, start + size - 1)
    const last = ids.at(-1)
    if (last === undefined) continue
    const live = await withoutLeft(redis, prefix, name, start, ids)
    return { ids: live, next: JSON.stringify(['l', level, start + ids.length, last]) }
  }
  return null
}

/**
 * Jobs are taken from the front, so a place moves forward; when its job is gone, all before it are. An id may stand there
 * more than once (see `withoutLeft`): it was the last of these.
 */
async function startBehind(redis: Redis, key: string, before: number, last: string): Promise<number> {
  const places = await redis.lpos(key, last, 'COUNT', 0, 'MAXLEN', before)
  return (places.at(-1) ?? -1) + 1
}

/** Without the places that were left when a job was taken out (see `takeOut` in lua/change.ts): the first of its places. */
async function withoutLeft(
  redis: Redis,
  prefix: string,
  name: string,
  start: number,
  ids: string[],
): Promise<string[]> {
  if ((await redis.exists(`${prefix}t`)) === 0) return ids
  const marks = await redis.hmget(`${prefix}t`, ...ids.map((id) => `${name}|${id}`))
  const live: string[] = []
  for (const [index, id] of ids.entries()) {
    const left = Number(marks[index] ?? 0)
    const places = left === 0 ? [] : await redis.lpos(`${prefix}${name}`, id, 'COUNT', 0)
    if (places.indexOf(start + index) >= left || left === 0) live.push(id)
  }
  return live
}

async function groupPage(
  redis: Redis,
  prefix: string,
  only: string | undefined,
  from: Extract<Cursor, readonly ['g', ...unknown[]]> | null,
  size: number,
): Promise<IdPage> {
  const first = from === null ? '-' : `[${from[1]}`
  const groups = only === undefined ? await redis.zrangebylex(`${prefix}gs`, first, '+', 'LIMIT', 0, size + 1) : [only]
  for (const group of groups) {
    const min = from !== null && from[1] === group ? `(${from[2]}` : '-inf'
    const found = await redis.zrangebyscore(`${prefix}g:${group}`, min, '+inf', 'WITHSCORES', 'LIMIT', 0, size)
    if (found.length === 0) continue
    const ids = found.filter((_, index) => index % 2 === 0)
    return { ids, next: JSON.stringify(['g', group, found.at(-1) ?? '', ids.at(-1) ?? '']) }
  }
  return { ids: [], next: null }
}
