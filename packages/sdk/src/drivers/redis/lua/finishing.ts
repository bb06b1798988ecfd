/** What becomes of a job that has ended. Needs the prelude and queueing. */
export const finishing = `
local names = { s = 'succeeded', c = 'cancelled', d = 'dead' }

-- Forgets jobs with all that is theirs.
local function purge(ids)
  if #ids == 0 then return end
  many('HDEL', p .. 'b', ids)
  many('HDEL', p .. 'd', ids)
  if has('n') then
    local noted = fetch(p .. 'n', ids)
    for i, id in ipairs(ids) do
      if noted[i] then
        call('HDEL', p .. 'n', id)
        call('DEL', p .. 'log:' .. id, p .. 'kids:' .. id)
      end
    end
  end
end

local function forgetEnd(state, id)
  call('ZREM', p .. 'f:' .. state, id)
  call('ZREM', p .. 'fw:' .. state, id)
  call('ZREM', p .. 'fx', state .. id)
end

-- Drops the oldest of a final state beyond the count. Those that were watched lie elsewhere for a while.
local function trim(state, count)
  local surplus = call('ZCARD', p .. 'f:' .. state) - count
  if surplus <= 0 then return end
  local oldest, ids, marks = call('ZPOPMIN', p .. 'f:' .. state, surplus), {}, {}
  for i = 1, #oldest, 2 do
    ids[#ids + 1] = oldest[i]
    marks[#marks + 1] = state .. oldest[i]
  end
  if has('fx') then many('ZREM', p .. 'fx', marks) end
  purge(ids)
end

local WATCHED_MS, NO_AGE = 60000, 1e13

-- When a job has ended, finer than a millisecond, so that a batch keeps its order.
local endedNow = 0
local function endedAt()
  endedNow = endedNow + 1
  return now + time[2] % 1000 / 1000 + endedNow / 4096
end

-- Counts and ages, by state: what \`keepArgument\` makes.
local function keepOf(text)
  local kept = cjson.decode(text)
  return { s = { kept[1], kept[2] }, c = { kept[3], kept[4] }, d = { kept[5], kept[6] } }
end

-- fences: one for all; nil = none of them was running. tails[i]: value, error and reason as three JSON texts with commas
-- between; '' = none of them. kept: count and age.
local function finish(state, ids, fence, tails, kept)
  if #ids == 0 then return end
  local histories, watched = nil, nil
  if has('x') then histories = fetch(p .. 'x', ids); many('HDEL', p .. 'x', ids) end
  if has('c') then many('HDEL', p .. 'c', ids) end
  if has('wt') then watched = fetch(p .. 'wt', ids); many('HDEL', p .. 'wt', ids) end
  call('HINCRBY', p .. 'q', names[state], #ids)
  local isKept = kept[1] > 0
  local removeAt = not isKept and 0 or kept[2] < NO_AGE and now + kept[2] or nil
  if not isKept and not watched then return purge(ids) end
  local records, places, ends, gone = {}, {}, {}, {}
  local head = '["' .. state .. '",' .. now .. ',' .. (startOf(fence) or 'null') .. ',' .. (removeAt or 'null') .. ','
  for i, id in ipairs(ids) do
    local tail = tails and tails[i] or ''
    if tail == '' then tail = 'null,null,null' end
    local isWatched = watched and watched[i]
    if isKept or isWatched then
      records[#records + 1] = id
      records[#records + 1] = head .. (histories and histories[i] or 'null') .. ',' .. tail .. ']'
    else
      gone[#gone + 1] = id
    end
    if isWatched then
      tell('f["' .. id .. '","' .. names[state] .. '",' .. tail .. ']')
      call('ZADD', p .. 'fw:' .. state, endedAt() + WATCHED_MS, id)
    elseif isKept then
      places[#places + 1] = endedAt()
      places[#places + 1] = id
      ends[#ends + 1] = removeAt
      ends[#ends + 1] = state .. id
    end
  end
  if #records > 0 then many('HSET', p .. 'd', records) end
  if #places > 0 then many('ZADD', p .. 'f:' .. state, places) end
  if removeAt and #places > 0 then many('ZADD', p .. 'fx', ends) end
  purge(gone)
  trim(state, kept[1])
end

local function relay(id, message)
  call('HSET', p .. 'rm', id, cjson.encode(message))
  call('ZADD', p .. 'rl', call('HINCRBY', p .. 'q', 'relay', 1), id)
end

-- A job with a parent has ended: its parent, perhaps in another slot, has to hear of it.
local function tellParent(id, parent, state, value)
  relay('e:' .. id, { 'e', parent[1], parent[2], id, names[state], value or cjson.null })
end
`
