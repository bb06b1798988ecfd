/** In which state a job is, told by where it stands. Needs the prelude. */
export const where = `
local workers
-- State ('s', 'c', 'd', 'running', 'scheduled', 'retrying', 'waits', 'queued'), then worker and fence, or the due time.
local function stateOf(id)
  local ended = call('HGET', p .. 'd', id)
  if ended then return string.sub(ended, 3, 3), ended end
  workers = workers or call('ZRANGE', p .. 'l', 0, -1)
  for _, worker in ipairs(workers) do
    local fence = call('HGET', p .. 'r:' .. worker, id)
    if fence then return 'running', worker, fence end
  end
  local due = call('ZSCORE', p .. 'sc', id)
  if due then return 'scheduled', due end
  due = call('ZSCORE', p .. 're', id)
  if due then return 'retrying', due end
  local children = call('ZSCORE', p .. 'kw', id)
  if children then return 'waits', children end
  return 'queued'
end
`
