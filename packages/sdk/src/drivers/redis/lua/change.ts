import { finishing } from './finishing.ts'
import { evenWhenFull, prelude } from './prelude.ts'
import { queueing } from './queueing.ts'
import { where } from './where.ts'

/** ARGV: kind, three more by kind, ids. Answer: one word for each id. */
const changing = `
local kind, a, b, c = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local asked, isWork = {}, false

local function isFinal(state) return #state == 1 end

-- Out of where it waits. In a list its place stays behind with a mark: to find it there would mean to search the list.
local function takeOut(id, state, value)
  if state == 'scheduled' then return call('ZREM', p .. 'sc', id) end
  if state == 'retrying' then return call('ZREM', p .. 're', id) end
  if state == 'waits' then
    call('HDEL', p .. 'kd', id)
    return call('ZREM', p .. 'kw', id)
  end
  local priority, group = header(value)
  if not group then
    call('HINCRBY', p .. 't', level(priority) .. '|' .. id, 1)
    return call('HINCRBY', p .. 'q', 'marks', 1)
  end
  if call('ZREM', p .. 'g:' .. group, id) == 1 then call('HINCRBY', p .. 'q', 'grouped', -1) end
  if call('EXISTS', p .. 'g:' .. group) == 0 then
    call('ZREM', p .. 'gs', group)
    call('ZREM', p .. 'ring', group)
    call('ZREM', p .. 'gt', group)
  end
end

local function withBody(value, body)
  if string.sub(value, 14, 14) == '-' then return string.sub(value, 1, 14) .. body end
  return string.sub(value, 1, string.find(value, '\\n', 15, true)) .. body
end

local function withPriority(value, priority)
  if string.sub(value, 14, 14) == '-' then
    local head = { priority, cjson.null, cjson.null, cjson.null, '' }
    return string.sub(value, 1, 13) .. '+' .. cjson.encode(head) .. '\\n' .. string.sub(value, 15)
  end
  local stop = string.find(value, '\\n', 15, true)
  local head = cjson.decode(string.sub(value, 15, stop - 1))
  head[1] = priority
  return string.sub(value, 1, 14) .. cjson.encode(head) .. string.sub(value, stop)
end

local function requeue(id, value)
  local priority, group = header(value)
  queuedNow(id)
  enqueue(id, priority, group, false)
  isWork = true
end

local changes = {}

function changes.cancel(id, state, value)
  if isFinal(state) then return 'wrong-state' end
  if state == 'running' then
    call('HSETNX', p .. 'c', id, a)
    asked[#asked + 1] = id
    return 'requested'
  end
  takeOut(id, state, value)
  finish('c', { id }, nil, { a }, { tonumber(b), tonumber(c) })
  local _, _, parent = header(value)
  if parent then tellParent(id, parent, 'c') end
  return 'done'
end

function changes.retry(id, state, value)
  if not isFinal(state) then return 'wrong-state' end
  forgetEnd(state, id)
  call('HDEL', p .. 'd', id)
  call('HDEL', p .. 'x', id)
  if call('HEXISTS', p .. 'n', id) == 1 then call('HSET', p .. 'n', id, '') end
  if a == '1' then
    value = withBody(value, b)
    call('HSET', p .. 'b', id, value)
  end
  requeue(id, value)
  return 'done'
end

function changes.promote(id, state, value)
  if state ~= 'scheduled' and state ~= 'retrying' then return 'wrong-state' end
  takeOut(id, state, value)
  requeue(id, value)
  return 'done'
end

function changes.edit(id, state, value)
  if state == 'running' then return 'wrong-state' end
  local edited = a == '1' and withBody(value, b) or value
  local isMoved = c ~= '' and tonumber(c) ~= header(value)
  if isMoved then edited = withPriority(edited, tonumber(c)) end
  if isMoved and state == 'queued' then
    takeOut(id, state, value)
    call('HSET', p .. 'b', id, edited)
    requeue(id, edited)
  else
    call('HSET', p .. 'b', id, edited)
  end
  return 'done'
end

function changes.remove(id, state, value)
  if state == 'running' then return 'wrong-state' end
  if isFinal(state) then
    forgetEnd(state, id)
  else
    takeOut(id, state, value)
    local _, _, parent = header(value)
    if parent then tellParent(id, parent, 'c') end
    call('HDEL', p .. 'x', id)
    if call('HDEL', p .. 'wt', id) == 1 then tell('f["' .. id .. '","cancelled",null,null,"removed"]') end
  end
  purge({ id })
  return 'done'
end
`

export const changeScript = `${evenWhenFull}${prelude}${queueing}${finishing}${where}${changing}
local outcomes = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local value = call('HGET', p .. 'b', id)
  local state = value and stateOf(id)
  outcomes[#outcomes + 1] = state and changes[kind](id, state, value) or 'not-found'
end
if #asked > 0 then tell('c' .. cjson.encode(asked)) end
if isWork then wake() end
return outcomes
`
