/**
 * What every script begins with. `KEYS[1]` is the queue's prefix with its hash tag: all keys of a queue are made from it,
 * so they lie in the slot for which the call was routed.
 *
 * Commands take many values at once wherever they can; Lua's `unpack` is bounded by its C stack (8,000), hence the chunks.
 */
export const opening = `
local p, call = KEYS[1], redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

export const helpers = `
local CHUNK = 4000

local function many(command, key, list)
  local sum, size = 0, #list
  for first = 1, size, CHUNK do
    sum = sum + call(command, key, unpack(list, first, math.min(first + CHUNK - 1, size)))
  end
  return sum
end

local function fetch(key, ids)
  local size = #ids
  if size <= CHUNK then return size == 0 and {} or call('HMGET', key, unpack(ids)) end
  local all = {}
  for first = 1, size, CHUNK do
    local part = call('HMGET', key, unpack(ids, first, math.min(first + CHUNK - 1, size)))
    for i = 1, #part do all[first + i - 1] = part[i] end
  end
  return all
end

local function has(suffix) return call('EXISTS', p .. suffix) == 1 end
local function tell(message) call('PUBLISH', p .. 'signals', message) end

local function wake() tell('w') end
`

export const prelude = `${opening}${helpers}`

/**
 * The very first line of scripts that make room, or that jobs in hand depend on: a server whose memory is full still runs
 * them, so that its workers can empty it. Without it such a script would stop at its first command that needs memory, with
 * jobs already taken out of their list. Scripts that add are left to be refused; each begins with a command that is.
 */
export const evenWhenFull = '#!lua flags=allow-oom\n'
