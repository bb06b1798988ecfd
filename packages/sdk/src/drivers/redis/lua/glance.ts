import { opening } from './prelude.ts'

/** Bits of the first number of the answer. */
export const SEEN = { queued: 1, relays: 2, schedules: 4, maintain: 8 } as const

/** Answer: what there is to do, as bits; ms until there is something more (-1 = never). It only reads. */
export const glanceScript = `${opening}
local seen, again = 0, nil
if call('EXISTS', p .. 'w', p .. 'v', p .. 'ring') > 0 then seen = ${SEEN.queued} end
if call('EXISTS', p .. 'rl') > 0 then seen = seen + ${SEEN.relays} end

local function later(set)
  local first = call('ZRANGEBYSCORE', p .. set, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if first then
    local ms = math.ceil(tonumber(first) - now)
    again = again and math.min(again, ms) or ms
  end
end
local function isDue(set)
  local first = call('ZRANGE', p .. set, 0, 0, 'WITHSCORES')[2]
  if not first then return false end
  later(set)
  return tonumber(first) <= now
end

if isDue('sq') then seen = seen + ${SEEN.schedules} end
local maintain = false
for _, set in ipairs({ 'l', 'sc', 're', 'fx', 'fw:s', 'fw:c', 'fw:d' }) do
  if isDue(set) then maintain = true end
end
if maintain then seen = seen + ${SEEN.maintain} end
return { seen, again or -1 }
`
