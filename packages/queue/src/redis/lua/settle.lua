-- What became of claimed organizations.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then groups of four: organization, charge (resource-seconds), 'ready' | 'later' | 'idle',
--       epoch ms (only for 'later', else 0)
-- Returns 0.
-- Atomic: each is charged; 'ready' offers it again unless it was parked or paused meanwhile; 'later' enters it into
-- `later`. One that was marked ready while it was claimed stays ready, and is charged all the same.
local now = tonumber(ARGV[1])
for i = 2, #ARGV, 4 do
  local org, outcome = ARGV[i], ARGV[i + 2]
  charge(org, tonumber(ARGV[i + 1]))
  redis.call('ZREM', CLAIMED, org)
  if outcome == 'ready' then
    if not redis.call('ZSCORE', READY, org) and parkedUntil(org, now) == 0 and not limitsOf(org).paused then
      offer(org, tonumber(redis.call('HGET', VTIME, org) or clockTime()))
    end
  elseif outcome == 'later' then
    redis.call('ZADD', LATER, 'LT', math.max(tonumber(ARGV[i + 3]), parkedUntil(org, now)), org)
  end
end
return 0
