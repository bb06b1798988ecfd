import { addOthers } from './add.ts'
import { prelude } from './prelude.ts'
import { queueing } from './queueing.ts'

/** ARGV: key, spec, due time or ''. Answer: 1 when it is new or changed. */
export const putScheduleScript = `${prelude}
if call('HGET', p .. 'sd', ARGV[1]) == ARGV[2] then return 0 end
call('HSET', p .. 'sd', ARGV[1], ARGV[2])
if ARGV[3] == '' then call('ZREM', p .. 'sq', ARGV[1]) else call('ZADD', p .. 'sq', ARGV[3], ARGV[1]) end
return 1
`

/** Answer: the clock, ms until the next one (-1 = none), then key, spec and due time of those that are due. */
export const dueSchedulesScript = `${prelude}
local due = call('ZRANGEBYSCORE', p .. 'sq', '-inf', now, 'WITHSCORES')
local later = call('ZRANGEBYSCORE', p .. 'sq', '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = { now, later[2] and tonumber(later[2]) - now or -1 }
for i = 1, #due, 2 do
  answer[#answer + 1] = due[i]
  answer[#answer + 1] = call('HGET', p .. 'sd', due[i])
  answer[#answer + 1] = due[i + 1]
end
return answer
`

/** ARGV: nine of a job, or nothing; then key, due time, next due time or ''. Answer: 1 for exactly one caller. */
export const tickScript = `${prelude}${queueing}${addOthers}
local key, dueAt, nextAt = ARGV[#ARGV - 2], ARGV[#ARGV - 1], ARGV[#ARGV]
local stored = call('ZSCORE', p .. 'sq', key)
if not stored or tonumber(stored) ~= tonumber(dueAt) then return 0 end
if nextAt == '' then call('ZREM', p .. 'sq', key) else call('ZADD', p .. 'sq', nextAt, key) end
if #ARGV > 3 then addOther(1) end
if opened then wake() end
return 1
`
