/**
 * The raw limit: the least that a queue with the same promise can do. One hash of bodies, one list of ids, a lease, and the
 * set of what the holder of the lease has claimed: a batch of results is taken only under the lease and only when all of it
 * is in that set. Acknowledging a batch and claiming the next are one call. No priorities, delays, retries, groups, fences
 * for each attempt, counters, nor a way to notice a call that comes twice.
 */
import { Redis } from 'ioredis'
import { ulid } from '../../../packages/sdk/src/queue/ulid.ts'
import { BODY } from '../common/payload.ts'
import type { Subject } from './subject.ts'

const KEYS = ['raw:{q}:bodies', 'raw:{q}:waiting', 'raw:{q}:held', 'raw:{q}:lease'] as const
const LEASE_MS = 600_000

const ADD = `
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('RPUSH', KEYS[2], unpack(ids))
return #ids
`
const EXCHANGE = `
if redis.call('EXISTS', KEYS[4]) == 0 then return redis.error_reply('no lease') end
if #ARGV > 1 then
  if redis.call('SREM', KEYS[3], unpack(ARGV, 2)) ~= #ARGV - 1 then return redis.error_reply('not held') end
  redis.call('HDEL', KEYS[1], unpack(ARGV, 2))
end
local ids = redis.call('LPOP', KEYS[2], ARGV[1])
if not ids then return { {}, {} } end
redis.call('SADD', KEYS[3], unpack(ids))
return { ids, redis.call('HMGET', KEYS[1], unpack(ids)) }
`

export async function rawSubject(url: string): Promise<Subject> {
  const redis = new Redis(url)
  const addSha = String(await redis.script('LOAD', ADD))
  const exchangeSha = String(await redis.script('LOAD', EXCHANGE))
  const addLane = async (jobs: number, size: number) => {
    for (let left = jobs; left > 0; left -= size) {
      const args: string[] = []
      for (let index = 0; index < Math.min(size, left); index++) args.push(ulid(), BODY)
      await redis.call('EVALSHA', [addSha, KEYS.length, ...KEYS, ...args])
    }
  }
  /** @returns how many it was given */
  const workLane = async (atOnce: number, seen: Set<string>) => {
    let given = 0
    for (let done: string[] = []; ;) {
      const args = [exchangeSha, KEYS.length, ...KEYS, atOnce, ...done]
      const [ids] = (await redis.call('EVALSHA', args)) as [string[], string[]]
      if (ids.length === 0) return given
      for (const id of ids) seen.add(id)
      given += ids.length
      done = ids
    }
  }
  return {
    name: 'raw',
    add: async (jobs, size, lanes) => {
      await Promise.all(Array.from({ length: lanes }, async () => addLane(jobs / lanes, size)))
    },
    work: async (atOnce, lanes, jobs) => {
      await redis.set(KEYS[3], '1', 'PX', LEASE_MS)
      const seen = new Set<string>()
      const given = await Promise.all(Array.from({ length: lanes }, async () => workLane(atOnce, seen)))
      const calls = given.reduce((sum, count) => sum + count, 0)
      const left = (await redis.hlen(KEYS[0])) + (await redis.llen(KEYS[1])) + (await redis.scard(KEYS[2]))
      if (calls !== jobs || seen.size !== jobs || left > 0)
        throw new Error(`raw: ${calls} given, ${seen.size} different ones of ${jobs}, ${left} left`)
      return seen.size
    },
    close: async () => redis.disconnect(),
  }
}
