-- What changed for runs that were taken, other than by turn.lua.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then groups of five: organization, charge (resource-seconds), MB freed (negative: taken),
--       'ended' | 'returned' | 'parked' | 'running', epoch ms (only for 'parked', else 0)
-- Returns 0.
-- Atomic: each is charged and its memory is free again, which ends a parking for want of memory. 'ended' offers it where
-- it was parked or may have been at its concurrency; 'returned' offers it unless it is parked; 'parked' keeps it out of
-- `ready` until then.
local now = tonumber(ARGV[1])
for i = 2, #ARGV, 5 do
  local org, freedMb, outcome = ARGV[i], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local limits = limitsOf(org)
  charge(org, tonumber(ARGV[i + 1]))
  if outcome == 'ended' then
    runEnded(org, freedMb, limits)
  elseif freedMb ~= 0 and limits.maxMemoryInFlightMb then
    call('HSET', MEMORY, org, math.max(0, tonumber(call('HGET', MEMORY, org) or '0') - freedMb))
    if tonumber(call('ZSCORE', PARKED, org) or '0') == UNTIL_ROOM then call('ZREM', PARKED, org) end
  end
  if outcome == 'returned' then
    know(org)
    if parkedUntil(org, now) == 0 then enter(org) end
  elseif outcome == 'parked' then
    know(org)
    park(org, ARGV[i + 4])
  end
end
return 0
