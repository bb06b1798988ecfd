/**
 * The raw limit: the least that a queue with the same promise can do. One hash of bodies, one list of ids, one set of what
 * the worker holds; acknowledging a batch and claiming the next are one call. No priorities, delays, retries, groups,
 * leases, counters, nor a way to notice a call that comes twice.
 */
import { Redis } from 'ioredis'
import { ulid } from '../../../packages/sdk/src/queue/ulid.ts'
import { BODY } from '../common/payload.ts'
import type { Subject } from './subject.ts'

const KEYS = ['raw:{q}:bodies', 'raw:{q}:waiting', 'raw:{q}:held'] as const

const ADD = `
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('RPUSH', KEYS[2], unpack(ids))
return #ids
`
const EXCHANGE = `
if #ARGV > 1 then
  redis.call('SREM', KEYS[3], unpack(ARGV, 2))
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
      await redis.call('EVALSHA', [addSha, 3, ...KEYS, ...args])
    }
  }
  const workLane = async (atOnce: number, seen: Set<string>) => {
    for (let done: string[] = []; ;) {
      const [ids] = (await redis.call('EVALSHA', [exchangeSha, 3, ...KEYS, atOnce, ...done])) as [string[], string[]]
      if (ids.length === 0) return
      for (const id of ids) seen.add(id)
      done = ids
    }
  }
  return {
    name: 'raw',
    add: async (jobs, size, lanes) => {
      await Promise.all(Array.from({ length: lanes }, async () => addLane(jobs / lanes, size)))
    },
    work: async (atOnce, lanes) => {
      const seen = new Set<string>()
      await Promise.all(Array.from({ length: lanes }, async () => workLane(atOnce, seen)))
      return seen.size
    },
    close: async () => redis.disconnect(),
  }
}
