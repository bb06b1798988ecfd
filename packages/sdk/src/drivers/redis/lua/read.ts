import { prelude } from './prelude.ts'
import { where } from './where.ts'

/**
 * ARGV: ids. Answer: for each id nothing, or: stored job, state, what `stateOf` gives besides (twice), history, note, due
 * time of one that waits for children. As `readOne` gives them.
 */
export const readOne = `${where}
local function readOne(id)
  local value = call('HGET', p .. 'b', id)
  if not value then return {} end
  local state, one, two = stateOf(id)
  return { value, state, one or false, two or false, call('HGET', p .. 'x', id), call('HGET', p .. 'n', id), call('HGET', p .. 'kd', id) }
end
`

export const getScript = `${prelude}${readOne}
local answers = {}
for i, id in ipairs(ARGV) do answers[i] = readOne(id) end
return answers
`

/** Answer: counts, totals, ms that the first queued one waits (-1 = none), settings as pairs, workers as id, about, running, ms. */
export const statsScript = `${prelude}
local function size(command, key) return call(command, p .. key) end
local totals = call('HMGET', p .. 'q', 'added', 'succeeded', 'failed', 'dead', 'crashed', 'grouped', 'marks')
for i = 1, #totals do totals[i] = tonumber(totals[i] or 0) end

local waiting, heads = size('LLEN', 'w'), { call('LINDEX', p .. 'w', 0) }
for _, priority in ipairs(call('ZRANGE', p .. 'v', 0, -1)) do
  waiting = waiting + size('LLEN', 'w:' .. priority)
  heads[#heads + 1] = call('LINDEX', p .. 'w:' .. priority, 0)
end
-- Of very many groups only some are asked how long their first one has waited.
for _, group in ipairs(call('ZRANGE', p .. 'gs', 0, 199)) do
  heads[#heads + 1] = call('ZRANGE', p .. 'g:' .. group, 0, 0)[1]
end
local oldest = -1
for _, id in pairs(heads) do
  local value = id and call('HGET', p .. 'b', id)
  if value and call('HEXISTS', p .. 'd', id) == 0 then
    local text = call('HGET', p .. 'x', id)
    local since = text and cjson.decode(text).q or tonumber(string.sub(value, 1, 13))
    oldest = math.max(oldest, math.floor(now - since), 0)
  end
end

local running, workers = 0, {}
local leases = call('ZRANGE', p .. 'l', 0, -1, 'WITHSCORES')
for i = 1, #leases, 2 do
  local own = size('HLEN', 'r:' .. leases[i])
  running = running + own
  if tonumber(leases[i + 1]) > now then
    workers[#workers + 1] = { leases[i], call('HGET', p .. 'about', leases[i]) or '', own, tonumber(leases[i + 1]) - now }
  end
end

local function ended(state) return size('ZCARD', 'f:' .. state) + size('ZCARD', 'fw:' .. state) end
local counts = {
  size('ZCARD', 'sc') + size('ZCARD', 'kw'), waiting + totals[6] - totals[7], running, size('ZCARD', 're'),
  ended('s'), ended('c'), ended('d'),
}
return { counts, totals, oldest, call('HGETALL', p .. 's'), workers }
`
