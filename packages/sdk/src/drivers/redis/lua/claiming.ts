/** Which jobs a worker may do next. Needs the prelude and queueing. */
export const claiming = `
-- Takes up to \`want\` ids of one list; those that were cancelled or moved meanwhile have left a mark and are dropped.
local function takeList(key, want, ids)
  local marked = has('t')
  while want > 0 do
    local got = call('LPOP', p .. key, want)
    if not got then return want end
    local marks = {}
    if marked then
      local names = {}
      for i, id in ipairs(got) do names[i] = key .. '|' .. id end
      local found = fetch(p .. 't', names)
      -- By id: it may be here twice, once where it was taken from and once where it lies now.
      for i, id in ipairs(got) do marks[id] = tonumber(found[i] or 0) end
    end
    for _, id in ipairs(got) do
      if (marks[id] or 0) > 0 then
        marks[id] = marks[id] - 1
        if call('HINCRBY', p .. 't', key .. '|' .. id, -1) <= 0 then call('HDEL', p .. 't', key .. '|' .. id) end
        call('HINCRBY', p .. 'q', 'marks', -1)
      else
        ids[#ids + 1] = id
        want = want - 1
      end
    end
    if not marked then return want end
  end
  return want
end

local function takeUngrouped(want, ids)
  if not has('v') then return takeList('w', want, ids) end
  local levels = call('ZREVRANGEBYSCORE', p .. 'v', '+inf', '(0')
  levels[#levels + 1] = '0'
  for _, low in ipairs(call('ZREVRANGEBYSCORE', p .. 'v', '(0', '-inf')) do levels[#levels + 1] = low end
  for _, each in ipairs(levels) do
    if want <= 0 then return 0 end
    local key = level(tonumber(each))
    want = takeList(key, want, ids)
    if each ~= '0' and not has(key) then call('ZREM', p .. 'v', each) end
  end
  return want
end

-- A window that opens with the first claim: at most \`limit\` in it. Returns what is left of it, and ms until the next.
local function rateLeft(key, limit)
  local left = limit - tonumber(call('GET', key) or 0)
  if left > 0 then return left, nil end
  return 0, math.max(1, call('PTTL', key))
end
local function rateSpend(key, count, per)
  if call('INCRBY', key, count) == count then call('PEXPIRE', key, per) end
end

local function takeGrouped(want, ids, settings)
  local rate, per = settings.groupLimit, settings.groupPer
  while want > 0 do
    local group = call('ZPOPMIN', p .. 'ring')[1]
    if not group then return want end
    local running = tonumber(call('HGET', p .. 'gc', group) or 0)
    local closed = nil
    if rate then closed = select(2, rateLeft(p .. 'rg:' .. group, rate)) end
    if closed then
      call('ZADD', p .. 'gt', now + closed, group)
    elseif running < groupLimit() then
      local id = call('ZPOPMIN', p .. 'g:' .. group)[1]
      if id then
        ids[#ids + 1] = id
        want = want - 1
        call('HINCRBY', p .. 'gc', group, 1)
        call('HINCRBY', p .. 'q', 'grouped', -1)
        if rate then rateSpend(p .. 'rg:' .. group, 1, per) end
      end
      if call('EXISTS', p .. 'g:' .. group) == 0 then
        call('ZREM', p .. 'gs', group)
      elseif running + 1 < groupLimit() then
        call('ZADD', p .. 'ring', call('HINCRBY', p .. 'q', 'turn', 1), group)
      end
    end
  end
  return want
end

-- Groups whose rate limit has opened again take part again.
local function openGroups()
  for _, group in ipairs(call('ZRANGEBYSCORE', p .. 'gt', '-inf', now, 'LIMIT', 0, 1000)) do
    call('ZREM', p .. 'gt', group)
    if call('EXISTS', p .. 'g:' .. group) == 1 then activate(group) end
  end
  local first = call('ZRANGE', p .. 'gt', 0, 0, 'WITHSCORES')[2]
  return first and math.max(1, tonumber(first) - now)
end

local function running()
  local sum = 0
  for _, worker in ipairs(call('ZRANGE', p .. 'l', 0, -1)) do sum = sum + call('HLEN', p .. 'r:' .. worker) end
  return sum
end

local function readSettings()
  local found = call('HMGET', p .. 's', 'paused', 'concurrency', 'rateLimit', 'ratePer', 'groupRateLimit', 'groupRatePer')
  return {
    paused = found[1] == '1',
    concurrency = tonumber(found[2] or nil),
    limit = tonumber(found[3] or nil),
    per = found[4],
    groupLimit = tonumber(found[5] or nil),
    groupPer = found[6],
  }
end

local function sooner(a, b) if a and b then return math.min(a, b) end return a or b end

local function isWaiting() return has('w') or has('v') or has('gs') end

-- Returns the ids, and ms after which it is worth asking again, or nil.
local function claim(want)
  local settings = has('s') and readSettings() or {}
  local again, moved = moveDue(500)
  if moved >= 500 then again = 0 end
  local ids = {}
  if has('gt') then again = sooner(again, openGroups()) end
  if settings.paused then return ids, nil end
  if settings.concurrency then want = math.min(want, settings.concurrency - running()) end
  if settings.limit then
    local left, opens = rateLeft(p .. 'rate', settings.limit)
    want = math.min(want, left)
    if opens and isWaiting() then again = sooner(again, opens) end
  end
  if want <= 0 then return ids, again end
  local left = want
  if has('ring') then
    -- Half for each kind, the odd one in turns.
    local share = math.floor(want / 2)
    if want % 2 == 1 and call('HINCRBY', p .. 'q', 'share', 1) % 2 == 0 then share = share + 1 end
    left = takeUngrouped(want - share, ids)
    left = takeGrouped(share + left, ids, settings)
    if left > 0 then left = takeUngrouped(left, ids) end
    if has('gt') then again = sooner(again, openGroups()) end
  else
    left = takeUngrouped(want, ids)
  end
  if settings.limit and #ids > 0 then
    rateSpend(p .. 'rate', #ids, settings.per)
    local _, opens = rateLeft(p .. 'rate', settings.limit)
    if opens and isWaiting() then again = sooner(again, opens) end
  end
  return ids, again
end
`
