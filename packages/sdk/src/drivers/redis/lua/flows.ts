import { finishing } from './finishing.ts'
import { evenWhenFull, prelude } from './prelude.ts'
import { queueing } from './queueing.ts'

/** ARGV: parent, child, outcome (JSON), '1' when it makes the parent dead, how that is kept. */
export const childEndedScript = `${evenWhenFull}${prelude}${queueing}${finishing}
local id, child = ARGV[1], ARGV[2]
local value = call('HGET', p .. 'b', id)
if not value then return 0 end
local known = call('HGET', p .. 'kids:' .. id, child)
if known and known ~= '' then return 0 end
-- In the order in which they ended.
call('HSET', p .. 'kids:' .. id, child, call('HINCRBY', p .. 'q', 'child', 1) .. ':' .. ARGV[3])
if not call('ZSCORE', p .. 'kw', id) then return 0 end
local priority, group, parent = header(value)
if ARGV[4] == '1' then
  call('ZREM', p .. 'kw', id)
  call('HDEL', p .. 'kd', id)
  finish('d', { id }, nil, { 'null,null,"child"' }, keepOf(ARGV[5]).d)
  if parent then tellParent(id, parent, 'd') end
  return 0
end
if tonumber(call('ZINCRBY', p .. 'kw', -1, id)) > 0 then return 0 end
local due = tonumber(call('HGET', p .. 'kd', id) or 0)
call('ZREM', p .. 'kw', id)
call('HDEL', p .. 'kd', id)
if due > now then
  call('ZADD', p .. 'sc', due, id)
else
  queuedNow(id)
  enqueue(id, priority, group, false)
end
wake()
return 0
`
