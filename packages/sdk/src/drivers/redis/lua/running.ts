/** Jobs that leave a worker other than by success. Needs the prelude, queueing and finishing. */
import { MAX_CRASHES } from '../../../queue/states.ts'

export const runningJobs = `
local function noteFailure(id, fence, failure)
  local one = history(id)
  one.f = one.f + 1
  one.ff = one.ff or now
  one.lf = now
  one.e = failure
  one.s = startOf(fence)
  saveHistory(id, one)
  call('HINCRBY', p .. 'q', 'failed', 1)
end

-- Somebody has asked for the job's cancellation while it ran: it ends here instead of waiting again.
local function cancelMarked(id, fence, parent, kept)
  local mark = call('HGET', p .. 'c', id)
  if not mark then return false end
  finish('c', { id }, fence, { mark }, kept)
  if parent then tellParent(id, parent, 'c') end
  return true
end

-- As if it had never been claimed.
local function released(id, priority, group, parent, kept)
  if call('HEXISTS', p .. 'x', id) == 1 then
    local one = history(id)
    one.s = nil
    saveHistory(id, one)
  end
  if not cancelMarked(id, nil, parent, kept) then enqueue(id, priority, group, true) end
end

local function crashed(id, fence, priority, group, parent, keep)
  local one = history(id)
  one.c = one.c + 1
  one.s = startOf(fence)
  saveHistory(id, one)
  call('HINCRBY', p .. 'q', 'crashed', 1)
  if cancelMarked(id, fence, parent, keep.c) then return 0 end
  if one.c < ${MAX_CRASHES} then
    enqueue(id, priority, group, true)
    return 0
  end
  finish('d', { id }, fence, { (one.e and 'null,' .. cjson.encode(one.e) or 'null,null') .. ',"crashes"' }, keep.d)
  if parent then tellParent(id, parent, 'd') end
  return 1
end

-- Takes these jobs back from their worker; returns how many there were, and how many are dead now.
local function takeBack(worker, ids, isCrash, keep)
  local run, jobs, dead = p .. 'r:' .. worker, {}, 0
  local fences, values = fetch(run, ids), fetch(p .. 'b', ids)
  for i, id in ipairs(ids) do
    call('HDEL', run, id)
    if values[i] then
      local since = history(id).q or tonumber(string.sub(values[i], 1, 13))
      jobs[#jobs + 1] = { id = id, fence = fences[i], value = values[i], claimed = startOf(fences[i]), since = since }
    end
  end
  -- What was claimed last first, since each is put before the others.
  table.sort(jobs, function(a, b)
    if a.claimed ~= b.claimed then return a.claimed > b.claimed end
    if a.since ~= b.since then return a.since > b.since end
    return a.id > b.id
  end)
  for _, job in ipairs(jobs) do
    local priority, group, parent = header(job.value)
    if isCrash then
      dead = dead + crashed(job.id, job.fence, priority, group, parent, keep)
    else
      released(job.id, priority, group, parent, keep.c)
    end
    if group then leaveGroup(group) end
  end
  return #jobs, dead
end

-- The worker is gone: its lease has run out, or it has left in good order.
local function dismiss(worker, isCrash, keep)
  local count, dead = takeBack(worker, call('HKEYS', p .. 'r:' .. worker), isCrash, keep)
  call('ZREM', p .. 'l', worker)
  call('HDEL', p .. 'about', worker)
  call('HDEL', p .. 'e:' .. worker, 'lease')
  -- Kept for a while: a call of this worker may still be on its way.
  call('PEXPIRE', p .. 'e:' .. worker, 600000)
  return count, dead
end
`
