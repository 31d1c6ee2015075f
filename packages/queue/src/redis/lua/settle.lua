-- What became of claimed organizations.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then groups of five: organization, virtual time it was claimed at, charge,
--       'ready' | 'later' | 'idle', epoch ms (only for 'later', else 0)
-- Returns 0.
-- Atomic: each is charged; 'ready' puts it back unless it was parked meanwhile; 'later' enters it into `later`. One that
-- was marked ready while it was claimed stays ready, and is charged all the same.
local now = tonumber(ARGV[1])
for i = 2, #ARGV, 5 do
  local org, start, charge, outcome = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3]
  local finish = start + charge
  local untilMs = parkedUntil(org, now)
  advanceClock(start)
  if outcome == 'ready' and untilMs == 0 then
    redis.call('ZADD', READY, 'GT', finish, org)
    redis.call('HDEL', VTIME, org)
  elseif redis.call('ZSCORE', READY, org) then
    redis.call('ZADD', READY, 'XX', 'GT', finish, org)
  else
    local own = tonumber(redis.call('HGET', VTIME, org) or '0')
    redis.call('HSET', VTIME, org, math.max(own, finish))
  end
  if outcome == 'later' then redis.call('ZADD', LATER, 'LT', math.max(tonumber(ARGV[i + 4]), untilMs), org) end
end
return 0
