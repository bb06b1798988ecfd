import { helpers, opening } from './prelude.ts'
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
    if call('ZRANGE', p .. 'sc', 0, 0)[1] == id then opened = true end
  else
    enqueue(id, priority, group, false)
  end
  return id, 0
end
`

/** What is nearly always the case, before the functions for all else are made: a batch of plain jobs that are all new. */
const short = `
local count, isTwice = tonumber(ARGV[1]), false
if count > 0 and count <= 3500 then
  local ids, set, isNew = {}, { 'HSET', p .. 'b' }, true
  for i = 1, count do ids[i] = ARGV[2 * i] end
  local known = call('HMGET', p .. 'b', unpack(ids))
  for i = 1, count do
    if known[i] then isNew = false break end
    set[2 * i + 1] = ids[i]
    set[2 * i + 2] = now .. ARGV[2 * i + 1]
  end
  isTwice = isNew and call(unpack(set)) < count
  if isNew and not isTwice then
    local size = call('RPUSH', p .. 'w', unpack(ids))
    call('HINCRBY', p .. 'q', 'added', count)
    -- Before, there was nothing to claim (see opened).
    if size == count then call('PUBLISH', p .. 'signals', 'w') end
    return {}
  end
end
`

/** The rest: some are there already, or the same id comes twice (then the bodies have been stored above), or there are too many for one command. */
const some = `
local isPut = {}
local function putSome(first, last)
  local ids, fresh, stored = {}, {}, {}
  for i = first, last do ids[#ids + 1] = ARGV[2 * i] end
  local known = fetch(p .. 'b', ids)
  for i, id in ipairs(ids) do
    if not isPut[id] and (not known[i] or isTwice) then
      isPut[id] = true
      fresh[#fresh + 1] = id
      stored[#stored + 1] = id
      stored[#stored + 1] = now .. ARGV[2 * (first + i - 1) + 1]
    end
  end
  if #fresh == 0 then return end
  many('HSET', p .. 'b', stored)
  if many('RPUSH', p .. 'w', fresh) == #fresh then opened = true end
  call('HINCRBY', p .. 'q', 'added', #fresh)
end
if count > 0 then
  for first = 1, count, 2000 do putSome(first, math.min(first + 1999, count)) end
end
local answers = {}
for at = 2 + 2 * count, #ARGV, 9 do
  local id, taken = addOther(at)
  answers[#answers + 1] = id
  answers[#answers + 1] = taken
end
if opened then wake() end
return answers
`

export const addScript = `${opening}${short}${helpers}${queueing}${addOthers}${some}`
export { addOthers }
