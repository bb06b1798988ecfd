/** Where a job waits. Needs the prelude. */
export const queueing = `
-- A stored job is its time of adding (13 digits), then '-' and the body, or '+', a JSON header, a line feed and the body.
local function header(value)
  if string.sub(value, 14, 14) == '-' then return 0, nil, nil end
  local head = cjson.decode(string.sub(value, 15, string.find(value, '\\n', 15, true) - 1))
  local group, parent = head[2], nil
  if group == cjson.null then group = nil end
  if head[3] ~= cjson.null then parent = { head[3], head[4] } end
  return head[1], group, parent
end

-- What only jobs have that have failed, crashed or waited for their time: failures, crashes, times, last error.
local function history(id)
  local text = call('HGET', p .. 'x', id)
  return text and cjson.decode(text) or { f = 0, c = 0 }
end
local function saveHistory(id, one) call('HSET', p .. 'x', id, cjson.encode(one)) end
local function queuedNow(id)
  local one = history(id)
  one.q = now + time[2] % 1000 / 1000
  saveHistory(id, one)
end
-- A fence begins with the time of its claim.
local function startOf(fence) return fence and tonumber(string.match(fence, '^%d+')) end

local function level(priority) return priority == 0 and 'w' or 'w:' .. priority end

local groupLimitNow
local function groupLimit()
  if not groupLimitNow then groupLimitNow = tonumber(call('HGET', p .. 's', 'groupConcurrency') or 1) end
  return groupLimitNow
end

-- There is something to claim where there was nothing: then, and only then, idle workers have to hear of it. Who has not
-- got all it wanted has left nothing behind, and who has asks again by itself. So a busy queue publishes nothing.
local opened = false

-- The ring holds the groups from which something may be claimed now, each once, in the order of their turns.
local function activate(group)
  if call('ZSCORE', p .. 'gt', group) then return end
  if tonumber(call('HGET', p .. 'gc', group) or 0) >= groupLimit() then return end
  if call('ZSCORE', p .. 'ring', group) then return end
  if not has('ring') then opened = true end
  call('ZADD', p .. 'ring', call('HINCRBY', p .. 'q', 'turn', 1), group)
end

-- Higher priorities first, then the order of arrival; what goes to the front counts downwards.
local function groupScore(priority, front)
  local order = front and -call('HINCRBY', p .. 'q', 'front', 1) or call('HINCRBY', p .. 'q', 'order', 1)
  return (100 - priority) * 17592186044416 + 8796093022208 + order
end

local function enqueue(id, priority, group, front)
  if group then
    if call('ZADD', p .. 'g:' .. group, groupScore(priority, front), id) == 1 then
      call('HINCRBY', p .. 'q', 'grouped', 1)
      call('ZADD', p .. 'gs', 0, group)
    end
    activate(group)
    return
  end
  if call(front and 'LPUSH' or 'RPUSH', p .. level(priority), id) == 1 then opened = true end
  if priority ~= 0 then call('ZADD', p .. 'v', priority, priority) end
end

-- A grouped job is no longer running: its group may have a free place.
local function leaveGroup(group)
  if call('HINCRBY', p .. 'gc', group, -1) <= 0 then call('HDEL', p .. 'gc', group) end
  if call('EXISTS', p .. 'g:' .. group) == 1 then activate(group) end
end

-- Moves what has fallen due; returns ms until the next does, or nil.
local function moveDue(limit)
  local moved, nextAt = {}, nil
  for _, set in ipairs({ 'sc', 're' }) do
    local due = call('ZRANGEBYSCORE', p .. set, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
    for i = 1, #due, 2 do moved[#moved + 1] = { due[i], tonumber(due[i + 1]), set } end
  end
  table.sort(moved, function(a, b) if a[2] == b[2] then return a[1] < b[1] end return a[2] < b[2] end)
  for _, one in ipairs(moved) do
    call('ZREM', p .. one[3], one[1])
    local value = call('HGET', p .. 'b', one[1])
    if value then
      local priority, group = header(value)
      queuedNow(one[1])
      enqueue(one[1], priority, group, false)
    end
  end
  for _, set in ipairs({ 'sc', 're' }) do
    local first = call('ZRANGE', p .. set, 0, 0, 'WITHSCORES')
    if first[2] and (not nextAt or tonumber(first[2]) < nextAt) then nextAt = tonumber(first[2]) end
  end
  return nextAt and math.max(0, nextAt - now), #moved
end
`
