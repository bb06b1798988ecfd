import { evenWhenFull, prelude } from './prelude.ts'
import { queueing } from './queueing.ts'

/** ARGV: pairs of field and value, '' = the default. Answer: all that are not the default, as pairs. */
export const configureScript = `${evenWhenFull}${prelude}${queueing}
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then call('HDEL', p .. 's', ARGV[i]) else call('HSET', p .. 's', ARGV[i], ARGV[i + 1]) end
end
-- Another limit may let groups go on that were held back by the old one.
local held = call('HKEYS', p .. 'gc')
for _, group in ipairs(call('ZRANGE', p .. 'gt', 0, -1)) do
  call('ZREM', p .. 'gt', group)
  held[#held + 1] = group
end
for _, group in ipairs(held) do
  if call('EXISTS', p .. 'g:' .. group) == 1 then activate(group) end
end
tell('s')
return call('HGETALL', p .. 's')
`
