import { prelude } from './prelude.ts'
import { queueing } from './queueing.ts'

/**
 * ARGV: count of plain jobs, then id and value of each; then nine for each other job: id, value, priority, group ('-' or
 * '+name'), delay, run-at ('' = none), key ('-' or '+key'), its life in ms, children (JSON of id and relay message, or '').
 */
const addOthers = `
local function addOther(at)
  local id, value, priority = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local group, key = ARGV[at + 3], ARGV[at + 6]
  group = group ~= '-' and string.sub(group, 2) or nil
  if call('HEXISTS', p .. 'b', id) == 1 then return id, 0 end
  if key ~= '-' then
    local taken = call('SET', p .. 'k:' .. string.sub(key, 2), id, 'NX', 'GET', 'PX', ARGV[at + 7])
    if taken then return taken, taken == id and 0 or 1 end
  end
  call('HSET', p .. 'b', id, now .. value)
  call('HINCRBY', p .. 'q', 'added', 1)
  local dueAt = ARGV[at + 5] ~= '' and tonumber(ARGV[at + 5]) or now + tonumber(ARGV[at + 4])
  local children = ARGV[at + 8]
  if children ~= '' then
    local list = cjson.decode(children)
    call('HSET', p .. 'n', id, '')
    for _, child in ipairs(list) do
      call('HSET', p .. 'kids:' .. id, child[1], '')
      call('HSET', p .. 'rm', 'a:' .. child[1], child[2])
      call('ZADD', p .. 'rl', call('HINCRBY', p .. 'q', 'relay', 1), 'a:' .. child[1])
    end
    call('ZADD', p .. 'kw', #list, id)
    if dueAt > now then call('HSET', p .. 'kd', id, dueAt) end
  elseif dueAt > now then
    call('ZADD', p .. 'sc', dueAt, id)
    -- An idle worker sleeps until what was due next before.
    if call('ZRANGE', p .. 'sc', 0, 0)[1] == id then wake() end
  else
    enqueue(id, priority, group, false)
    wake()
  end
  return id, 0
end
`

export const addScript = `${prelude}${queueing}${addOthers}
-- A caller may have put the same id into one call twice.
local function once(ids)
  local seen, kept = {}, {}
  for _, id in ipairs(ids) do
    if not seen[id] then kept[#kept + 1] = id end
    seen[id] = true
  end
  return kept
end

local count, last = tonumber(ARGV[1]), 1 + 2 * tonumber(ARGV[1])
if count > 0 then
  local ids, fresh, stored = {}, {}, {}
  for i = 1, count do ids[i] = ARGV[2 * i] end
  local known = fetch(p .. 'b', ids)
  for i = 1, count do
    if not known[i] then
      fresh[#fresh + 1] = ids[i]
      stored[#stored + 1] = ids[i]
      stored[#stored + 1] = now .. ARGV[2 * i + 1]
    end
  end
  if #fresh > 0 then
    if many('HSET', p .. 'b', stored) < #fresh then fresh = once(fresh) end
    many('RPUSH', p .. 'w', fresh)
    call('HINCRBY', p .. 'q', 'added', #fresh)
    wake()
  end
end
local answers = {}
for at = last + 1, #ARGV, 9 do
  local id, taken = addOther(at)
  answers[#answers + 1] = id
  answers[#answers + 1] = taken
end
return answers
`
export { addOthers }
