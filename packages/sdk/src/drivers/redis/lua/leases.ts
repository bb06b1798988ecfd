import { finishing } from './finishing.ts'
import { evenWhenFull, prelude } from './prelude.ts'
import { queueing } from './queueing.ts'
import { runningJobs } from './running.ts'

/**
 * ARGV: worker, about, ms. Answer: 1 when it had no lease; then its running jobs whose cancellation was asked for. A lease
 * that has run out and was not taken back yet is prolonged: an outage of the store costs nobody a crash.
 */
export const renewScript = `${evenWhenFull}${prelude}
local worker = ARGV[1]
local ends = now + tonumber(ARGV[3])
local isFresh = call('ZADD', p .. 'l', ends, worker)
call('HSET', p .. 'about', worker, ARGV[2])
-- Once more beside the numbers of its calls, so that an exchange reads both at once.
call('HSET', p .. 'e:' .. worker, 'lease', ends)
call('PERSIST', p .. 'e:' .. worker)
local answer = { isFresh }
if not has('c') then return answer end
local asked = call('HKEYS', p .. 'c')
local held = fetch(p .. 'r:' .. worker, asked)
for i, id in ipairs(asked) do
  if held[i] then answer[#answer + 1] = id end
end
return answer
`

/** ARGV: worker, how what ends is kept. Its lease ends; what it was running waits again, with a crash only if the lease had run out. */
export const leaveScript = `${evenWhenFull}${prelude}${queueing}${finishing}${runningJobs}
local ends = call('ZSCORE', p .. 'l', ARGV[1])
if ends and dismiss(ARGV[1], tonumber(ends) <= now, keepOf(ARGV[2])) > 0 then wake() end
return 0
`
