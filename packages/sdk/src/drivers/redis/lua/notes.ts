import { prelude } from './prelude.ts'
import { readOne } from './read.ts'

/** ARGV: id, fence, '1' when there is progress, progress, count of lines kept, lines. Answer: 1, or 0 when the fence no longer holds. */
export const noteScript = `${prelude}
local id, held = ARGV[1], false
for _, worker in ipairs(call('ZRANGE', p .. 'l', 0, -1)) do
  if call('HGET', p .. 'r:' .. worker, id) == ARGV[2] then held = true break end
end
if not held then return 0 end
if ARGV[3] == '1' then call('HSET', p .. 'n', id, ARGV[4]) else call('HSETNX', p .. 'n', id, '') end
if #ARGV > 5 then
  for first = 6, #ARGV, CHUNK do
    call('RPUSH', p .. 'log:' .. id, unpack(ARGV, first, math.min(first + CHUNK - 1, #ARGV)))
  end
  call('LTRIM', p .. 'log:' .. id, -tonumber(ARGV[5]), -1)
end
return 1
`

/** ARGV: id. Answer: as `get` for one that has ended; empty for one that is not there; else nil, and it is watched. */
export const watchScript = `${prelude}${readOne}
local found = readOne(ARGV[1])
if #found == 0 or #found[2] == 1 then return found end
call('HSET', p .. 'wt', ARGV[1], 1)
return false
`
