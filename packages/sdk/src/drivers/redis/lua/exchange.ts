import { claiming } from './claiming.ts'
import { finishing } from './finishing.ts'
import { evenWhenFull, helpers, opening } from './prelude.ts'
import { queueing } from './queueing.ts'
import { runningJobs } from './running.ts'

/** Ends a stored job in a text of many. JSON text never has it, nor has what is put before it. */
export const VALUE_END = '\u001e'

/**
 * ARGV: worker, lane, number of the call in its lane, want, count and age of keeping for succeeded, cancelled and dead (JSON),
 * count of ids in `holds` (-1 = not given), '1' when the values are fetched by another call, count of groups of plain
 * successes; then each group: fence, count, '1' when tails follow, its ids as one text, tails; then the held ids; then eight
 * for each other result: kind, id, fence, priority, group, parent (JSON or ''), two more by kind.
 *
 * Answer: leased; ms until asking again (-1 = never); refused ids; fence; ids and values of the claimed jobs, each as one
 * text (values: nil when they are fetched by another call); their histories, or none at all when none has one.
 *
 * One text of many costs the server and the client a fraction of as many texts.
 */
const lease = `
local worker, lane, number, want = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local run, log = p .. 'r:' .. worker, p .. 'e:' .. worker
local known = call('HMGET', log, 'lease', lane)
if not known[1] or tonumber(known[1]) <= now then return { 0 } end
local before = tonumber(known[2] or 0)
local fence = now .. '.' .. lane .. '.' .. ARGV[3]

-- A text of ULIDs, or one that begins with a line feed and has each id in a line.
local function idsOf(text, count)
  local ids = {}
  if string.byte(text) ~= 10 then
    local sub = string.sub
    for i = 1, count do ids[i] = sub(text, i * 26 - 25, i * 26) end
  else
    for id in string.gmatch(text, '[^\\n]+') do ids[#ids + 1] = id end
  end
  return ids
end

local function textOf(values)
  for i = 1, #values do
    if not values[i] then values[i] = '' end
  end
  return table.concat(values, '${VALUE_END}')
end
`

/**
 * What is nearly always the case, before the functions for all else are even made: at most one group of plain successes
 * that are not kept, and a queue that holds nothing but plain jobs. Falls through when anything is different.
 */
const short = `
local function shortWay()
  if before >= number or string.sub(ARGV[5], 1, 3) ~= '[0,' or ARGV[6] ~= '-1' or want > 3000 then return end
  if call('EXISTS', p .. 'x', p .. 'sc', p .. 're', p .. 'v', p .. 's', p .. 'c', p .. 't', p .. 'n', p .. 'wt', p .. 'gs') > 0 then return end
  if ARGV[8] == '1' then
    local given, count = ARGV[9], tonumber(ARGV[10])
    if #ARGV ~= 12 + (ARGV[11] == '1' and count or 0) then return end
    local done = idsOf(ARGV[12], count)
    local held = call('HMGET', run, unpack(done))
    for i = 1, count do
      if held[i] ~= given then return end
    end
    call('HDEL', run, unpack(done))
    call('HDEL', p .. 'b', unpack(done))
    call('HINCRBY', p .. 'q', 'succeeded', count)
  elseif #ARGV > 8 then
    return
  end
  local ids = want > 0 and call('LPOP', p .. 'w', want) or {}
  local values, size = '', #ids
  if size > 0 then
    if ARGV[7] == '1' then values = false else values = textOf(call('HMGET', p .. 'b', unpack(ids))) end
    local set = { 'HSET', run }
    for i = 1, size do
      set[2 * i + 1] = ids[i]
      set[2 * i + 2] = fence
    end
    call(unpack(set))
  end
  call('HSET', log, lane, number)
  return { 1, -1, {}, fence, table.concat(ids, '\\n'), values, {} }
end
local answer = shortWay()
if answer then return answer end
`

const again = `
-- The same call once more: it is told what it claimed. One that later calls have overtaken is not waited for by anybody.
local function answerWith(wait, refused, claimedAs, ids)
  local values, extras = false, {}
  if ARGV[7] ~= '1' then values = textOf(fetch(p .. 'b', ids)) end
  if has('x') then extras = fetch(p .. 'x', ids) end
  return { 1, wait, refused, claimedAs, table.concat(ids, '\\n'), values, extras }
end
if before > number then return { 1, 0, {}, '', '', '', {} } end
if before == number then
  local ids, held, ending = {}, call('HGETALL', run), '.' .. lane .. '.' .. ARGV[3]
  local claimedAs = ''
  for i = 1, #held, 2 do
    if string.sub(held[i + 1], -#ending) == ending then
      ids[#ids + 1] = held[i]
      claimedAs = held[i + 1]
    end
  end
  table.sort(ids)
  return answerWith(0, {}, claimedAs, ids)
end
call('HSET', log, lane, number)
local refused = {}
`

const results = `
local limit = has('s') and tonumber(call('HGET', p .. 's', 'concurrency') or nil)
local wasFull = limit and running() >= limit
local keep = keepOf(ARGV[5])

local at = 9
for _ = 1, tonumber(ARGV[8]) do
  local given, count, tailed = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == '1'
  local told = idsOf(ARGV[at + 3], count)
  local held = fetch(run, told)
  local ids, tails = {}, {}
  for i = 1, count do
    if held[i] == given then
      ids[#ids + 1] = told[i]
      tails[#tails + 1] = tailed and ARGV[at + 3 + i] or ''
    else
      refused[#refused + 1] = told[i]
    end
  end
  if #ids > 0 then many('HDEL', run, ids) end
  finish('s', ids, given, tails, keep.s)
  at = at + 4 + (tailed and count or 0)
end
local holds = tonumber(ARGV[6])
local firstHeld = at
at = at + math.max(0, holds)

local function settle(kind, id, given, priority, group, parent, a, b)
  if kind == 's' then
    finish('s', { id }, given, { a }, keep.s)
    if parent then tellParent(id, parent, 's', b ~= '' and b or nil) end
  elseif kind == 'd' then
    noteFailure(id, given, b)
    finish('d', { id }, given, { a }, keep.d)
    if parent then tellParent(id, parent, 'd') end
  elseif kind == 'c' then
    finish('c', { id }, given, { a }, keep.c)
    if parent then tellParent(id, parent, 'c') end
  elseif kind == 'r' then
    noteFailure(id, given, b)
    if not cancelMarked(id, given, parent, keep.c) then call('ZADD', p .. 're', now + tonumber(a), id) end
  else
    released(id, priority, group, parent, keep.c)
  end
  if group then leaveGroup(group) end
end

for i = at, #ARGV, 8 do
  local kind, id, given, group, parent = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], ARGV[i + 5]
  if call('HGET', run, id) == given then
    call('HDEL', run, id)
    group = group ~= '-' and string.sub(group, 2) or nil
    parent = parent ~= '' and cjson.decode(parent) or nil
    settle(kind, id, given, tonumber(ARGV[i + 3]), group, parent, ARGV[i + 6], ARGV[i + 7])
  else
    refused[#refused + 1] = id
  end
end

-- What the worker does not know of was claimed in an answer that never came.
if holds >= 0 then
  local knows, unknown = {}, {}
  for i = firstHeld, firstHeld + holds - 1 do knows[ARGV[i]] = true end
  for _, id in ipairs(call('HKEYS', run)) do
    if not knows[id] then unknown[#unknown + 1] = id end
  end
  takeBack(worker, unknown, false, keep)
end
`

const claims = `
if wasFull and running() < limit then opened = true end
local ids, again = claim(want)
local pairs = {}
for i, id in ipairs(ids) do
  pairs[2 * i - 1] = id
  pairs[2 * i] = fence
end
if #pairs > 0 then many('HSET', run, pairs) end
-- What there is more to claim than this worker has hands for is for others.
if opened and (has('w') or has('v') or has('ring')) then wake() end
return answerWith(again or -1, refused, fence, ids)
`

export const exchangeScript = `${evenWhenFull}${opening}${lease}${short}${helpers}${again}${queueing}${finishing}${runningJobs}${claiming}${results}${claims}`
