import { finishing } from './finishing.ts'
import { evenWhenFull, prelude } from './prelude.ts'
import { queueing } from './queueing.ts'
import { runningJobs } from './running.ts'

/** ARGV: how what ends is kept. Answer: jobs taken back, of these dead, ms until there is something to do again (-1 = never). */
export const maintainScript = `${evenWhenFull}${prelude}${queueing}${finishing}${runningJobs}
local recovered, dead, keep = 0, 0, keepOf(ARGV[1])
for _, worker in ipairs(call('ZRANGEBYSCORE', p .. 'l', '-inf', now, 'LIMIT', 0, 20)) do
  local count, died = dismiss(worker, true, keep)
  recovered, dead = recovered + count, dead + died
end
local nextDue, moved = moveDue(500)
if recovered + moved > 0 then wake() end

local byState = { s = {}, c = {}, d = {} }
local over = call('ZRANGEBYSCORE', p .. 'fx', '-inf', now, 'LIMIT', 0, 2000)
for _, mark in ipairs(over) do
  local ids = byState[string.sub(mark, 1, 1)]
  ids[#ids + 1] = string.sub(mark, 2)
end
if #over > 0 then many('ZREM', p .. 'fx', over) end
for state, ids in pairs(byState) do
  if #ids > 0 then
    many('ZREM', p .. 'f:' .. state, ids)
    purge(ids)
  end
end

-- What was kept only for those who watched it takes its place among the others, or goes.
for state in pairs(byState) do
  local shown = call('ZRANGEBYSCORE', p .. 'fw:' .. state, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 2000)
  for i = 1, #shown, 2 do
    local id = shown[i]
    call('ZREM', p .. 'fw:' .. state, id)
    local record = call('HGET', p .. 'd', id)
    local ended = record and cjson.decode(record)
    if not ended or (ended[4] ~= cjson.null and ended[4] <= now) then
      purge({ id })
    else
      call('ZADD', p .. 'f:' .. state, tonumber(shown[i + 1]) - WATCHED_MS, id)
      if ended[4] ~= cjson.null then call('ZADD', p .. 'fx', ended[4], state .. id) end
    end
  end
end

local again = nextDue
for _, key in ipairs({ 'l', 'fx', 'fw:s', 'fw:c', 'fw:d' }) do
  local first = call('ZRANGE', p .. key, 0, 0, 'WITHSCORES')[2]
  if first then
    local ms = math.max(0, math.ceil(tonumber(first) - now))
    again = again and math.min(again, ms) or ms
  end
end
return { recovered, dead, again or -1 }
`
