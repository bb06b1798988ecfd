import { claiming } from './claiming.ts'
import { prelude } from './prelude.ts'
import { queueing } from './queueing.ts'

/**
 * Events: `KEYS[1]` is what their own keys begin with; the queues of subscriptions have other prefixes, so this needs one
 * server, not a cluster. What a script does is seen by all others at once or not at all: nobody publishes past a subscription
 * that is being made.
 *
 * - `subs`: by name, JSON of patterns, order and the queue's prefix; `n`: the last offset; `log`: a stream whose ids are
 *   offsets; `id:*`: ids of late, against repeated calls; `unrouted`: by offset, lines of offset, time, type, key, event.
 */
const common = `${prelude}${queueing}
local e = p

local function words(text)
  local list = {}
  for word in string.gmatch(text, '[^.]+') do list[#list + 1] = word end
  return list
end

-- '*' is one word, '#' any number of them.
local function fits(pattern, i, list, j)
  local word = pattern[i]
  if not word then return not list[j] end
  if word == '#' then return fits(pattern, i + 1, list, j) or (list[j] ~= nil and fits(pattern, i, list, j + 1)) end
  if not list[j] or (word ~= '*' and word ~= list[j]) then return false end
  return fits(pattern, i + 1, list, j + 1)
end

local function compiled(name, text)
  local sub = cjson.decode(text)
  sub.name, sub.words = name, {}
  for i, pattern in ipairs(sub.patterns) do sub.words[i] = words(pattern) end
  return sub
end

local function matches(sub, list)
  for _, pattern in ipairs(sub.words) do
    if fits(pattern, 1, list, 1) then return true end
  end
  return false
end

-- From here on all functions of queues speak of this subscription's.
local function enter(sub)
  p = sub.prefix
  groupLimitNow, opened = nil, false
end
local function leave() if opened then wake() end end

local function groupOf(sub, key)
  if not sub.strict then return nil end
  return key == '-' and '-' or '=' .. string.sub(key, 2)
end

local function packed(added, group, body)
  if not group then return added .. '-' .. body end
  return added .. '+' .. cjson.encode({ 0, group, cjson.null, cjson.null, '' }) .. '\\n' .. body
end

local function deliver(sub, eventId, key, body)
  local id = eventId .. '/' .. sub.name
  if call('HEXISTS', p .. 'b', id) == 1 then return end
  local group = groupOf(sub, key)
  call('HSET', p .. 'b', id, packed(now, group, body))
  call('HINCRBY', p .. 'q', 'added', 1)
  enqueue(id, 0, group, false)
end
`

/** ARGV: events in the log at most, unrouted ones at most, for how long ids are known in ms; then id, type, key ('-' or '+key') and body of each. */
export const publishScript = `${common}
local subs = {}
local found = call('HGETALL', e .. 'subs')
for i = 1, #found, 2 do subs[#subs + 1] = compiled(found[i], found[i + 1]) end
local events, isUnrouted = {}, false
for at = 4, #ARGV, 4 do
  if call('SET', e .. 'id:' .. ARGV[at], '', 'NX', 'PX', ARGV[3]) then
    local event = { id = ARGV[at], type = ARGV[at + 1], key = ARGV[at + 2], body = ARGV[at + 3], words = words(ARGV[at + 1]) }
    event.n = call('INCR', e .. 'n')
    call('XADD', e .. 'log', 'MAXLEN', '~', ARGV[1], event.n .. '-0', 'e', event.body)
    events[#events + 1] = event
  end
end
for _, sub in ipairs(subs) do
  enter(sub)
  for _, event in ipairs(events) do
    if matches(sub, event.words) then
      event.routed = true
      deliver(sub, event.id, event.key, event.body)
    end
  end
  leave()
end
for _, event in ipairs(events) do
  if not event.routed then
    isUnrouted = true
    local line = { event.n, now, event.type, event.id, #event.key, event.key .. event.body }
    call('ZADD', e .. 'unrouted', event.n, table.concat(line, ' '))
  end
end
if isUnrouted then call('ZREMRANGEBYRANK', e .. 'unrouted', 0, -1 - tonumber(ARGV[2])) end
if #events > 0 then call('PUBLISH', e .. 'signals', 'w') end
return #events
`

/** Moves what waits in a queue into groups, or out of them, in order. Needs claiming. */
const regrouping = `
local function keyOf(body)
  local ok, event = pcall(cjson.decode, body)
  if not ok or type(event) ~= 'table' or type(event.key) ~= 'string' then return '-' end
  return '+' .. event.key
end

local function bodyOf(value)
  if string.sub(value, 14, 14) == '-' then return string.sub(value, 15) end
  return string.sub(value, string.find(value, '\\n', 15, true) + 1)
end

local function waitingInOrder()
  local ids = {}
  takeList('w', 1000000000, ids)
  local grouped = {}
  for _, group in ipairs(call('ZRANGE', p .. 'gs', 0, -1)) do
    local own = call('ZRANGE', p .. 'g:' .. group, 0, -1, 'WITHSCORES')
    for i = 1, #own, 2 do grouped[#grouped + 1] = { own[i], tonumber(own[i + 1]) } end
    call('DEL', p .. 'g:' .. group)
  end
  table.sort(grouped, function(a, b) return a[2] < b[2] end)
  for _, one in ipairs(grouped) do ids[#ids + 1] = one[1] end
  call('HDEL', p .. 'q', 'grouped')
  call('DEL', p .. 'gs', p .. 'ring', p .. 'gt')
  return ids
end

local function rewrite(sub, id)
  local value = call('HGET', p .. 'b', id)
  local body = bodyOf(value)
  local group = groupOf(sub, keyOf(body))
  call('HSET', p .. 'b', id, packed(string.sub(value, 1, 13), group, body))
  return group
end

local function regroup(sub)
  for _, id in ipairs(waitingInOrder()) do enqueue(id, 0, rewrite(sub, id), false) end
  for _, id in ipairs(call('ZRANGE', p .. 're', 0, -1)) do rewrite(sub, id) end
  for _, id in ipairs(call('ZRANGE', p .. 'f:d', 0, -1)) do rewrite(sub, id) end
  opened = true
end
`

/** ARGV: name, JSON of the subscription. */
export const putScript = `${common}${claiming}${regrouping}
local before = call('HGET', e .. 'subs', ARGV[1])
call('HSET', e .. 'subs', ARGV[1], ARGV[2])
local sub = compiled(ARGV[1], ARGV[2])
enter(sub)
if before and cjson.decode(before).strict ~= sub.strict then regroup(sub) end
for _, line in ipairs(call('ZRANGE', e .. 'unrouted', 0, -1)) do
  local kind, id, size, rest = string.match(line, '^%d+ %d+ (%S+) (%S+) (%d+) (.*)$')
  if kind and matches(sub, words(kind)) then
    deliver(sub, id, string.sub(rest, 1, tonumber(size)), string.sub(rest, tonumber(size) + 1))
    call('ZREM', e .. 'unrouted', line)
  end
end
leave()
return 1
`

/** Answer: type, count and age in ms of the oldest, for each type. */
export const unroutedScript = `${prelude}
local counts, oldest, order = {}, {}, {}
for _, line in ipairs(call('ZRANGE', p .. 'unrouted', 0, -1)) do
  local at, kind = string.match(line, '^%d+ (%d+) (%S+)')
  if kind then
    if not counts[kind] then
      counts[kind] = 0
      oldest[kind] = math.max(0, now - tonumber(at))
      order[#order + 1] = kind
    end
    counts[kind] = counts[kind] + 1
  end
end
local answer = {}
for _, kind in ipairs(order) do
  answer[#answer + 1] = kind
  answer[#answer + 1] = counts[kind]
  answer[#answer + 1] = oldest[kind]
end
return answer
`
