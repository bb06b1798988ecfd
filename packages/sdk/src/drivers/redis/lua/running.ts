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

local function crashed(id, fence, priority, group, parent)
  local one = history(id)
  one.c = one.c + 1
  one.s = startOf(fence)
  saveHistory(id, one)
  call('HINCRBY', p .. 'q', 'crashed', 1)
  if cancelMarked(id, fence, parent) then return 0 end
  if one.c < ${MAX_CRASHES} then
    enqueue(id, priority, group, true)
    return 0
  end
  finish('d', { id }, fence, { (one.e and 'null,' .. cjson.encode(one.e) or 'null,null') .. ',"crashes"' })
  if parent then tellParent(id, parent, 'd') end
  return 1
end

-- Takes these jobs back from their worker; returns how many there were, and how many are dead now.
local function takeBack(worker, ids, isCrash)
  local run, jobs, dead = p .. 'r:' .. worker, {}, 0
  local fences = fetch(run, ids)
  for i, id in ipairs(ids) do jobs[i] = { id, fences[i] } end
  -- The newest first, since each is put before the others.
  table.sort(jobs, function(a, b) return a[1] > b[1] end)
  for _, job in ipairs(jobs) do
    local id, fence = job[1], job[2]
    call('HDEL', run, id)
    local value = call('HGET', p .. 'b', id)
    if value then
      local priority, group, parent = header(value)
      if isCrash then
        dead = dead + crashed(id, fence, priority, group, parent)
      elseif not cancelMarked(id, fence, parent) then
        enqueue(id, priority, group, true)
      end
      if group then leaveGroup(group) end
    end
  end
  return #jobs, dead
end

-- The worker is gone: its lease has run out, or it has left in good order.
local function dismiss(worker, isCrash)
  local count, dead = takeBack(worker, call('HKEYS', p .. 'r:' .. worker), isCrash)
  call('ZREM', p .. 'l', worker)
  call('HDEL', p .. 'about', worker)
  call('HDEL', p .. 'e:' .. worker, 'lease')
  -- Kept for a while: a call of this worker may still be on its way.
  call('PEXPIRE', p .. 'e:' .. worker, 600000)
  return count, dead
end
`
