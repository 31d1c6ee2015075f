-- What changed for runs that were taken.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then groups of five: organization, charge (resource-seconds), MB freed (negative: taken),
--       'ended' | 'returned' | 'parked' | 'running', epoch ms (only for 'parked', else 0)
-- Returns 0.
-- Atomic: each is charged and its memory is free again, which ends a parking for want of memory. 'ended' offers it where it was parked or may have been at its
-- concurrency; 'returned' offers it unless it is parked; 'parked' keeps it out of `ready` until then.
local now = tonumber(ARGV[1])
-- There is room where there was none, which whoever found nothing before must see as news.
local function enterAnew(org)
  redis.call('HINCRBY', KNOWN, org, 1)
  enter(org)
end
for i = 2, #ARGV, 5 do
  local org, freedMb, outcome = ARGV[i], tonumber(ARGV[i + 2]), ARGV[i + 3]
  charge(org, tonumber(ARGV[i + 1]))
  if freedMb ~= 0 and limitsOf(org).maxMemoryInFlightMb then
    local left = tonumber(redis.call('HGET', MEMORY, org) or '0') - freedMb
    redis.call('HSET', MEMORY, org, math.max(0, left))
    if tonumber(redis.call('ZSCORE', PARKED, org) or '0') == UNTIL_ROOM then
      redis.call('ZREM', PARKED, org)
      if outcome == 'ended' then enterAnew(org) end
    end
  end
  if outcome == 'ended' then
    if redis.call('ZREM', PARKED, org) == 1 or limitsOf(org).maxConcurrency then enterAnew(org) end
  elseif outcome == 'returned' then
    redis.call('HINCRBY', KNOWN, org, 1)
    if parkedUntil(org, now) == 0 then enter(org) end
  elseif outcome == 'parked' then
    redis.call('HINCRBY', KNOWN, org, 1)
    withdraw(org)
    redis.call('ZADD', PARKED, 'GT', ARGV[i + 4], org)
    redis.call('ZADD', LATER, redis.call('ZSCORE', PARKED, org), org)
  end
end
return 0
