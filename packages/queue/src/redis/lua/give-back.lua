-- A run went back to the front of its queue unexecuted.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2 organization, 3 refund, 4 epoch ms until which it is parked, 0 for not at all
-- Returns 0.
-- Atomic: the charge is taken back; the organization is ready, or out of `ready` until the parking ends.
local now, org, refund, untilMs = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('HINCRBY', KNOWN, org, 1)
if redis.call('ZSCORE', READY, org) then
  redis.call('ZINCRBY', READY, -refund, org)
elseif redis.call('HEXISTS', VTIME, org) == 1 then
  redis.call('HINCRBYFLOAT', VTIME, org, -refund)
end
if untilMs == 0 then
  if parkedUntil(org, now) == 0 then enter(org) end
  return 0
end
local time = redis.call('ZSCORE', READY, org)
if time then
  redis.call('ZREM', READY, org)
  redis.call('HSET', VTIME, org, time)
end
redis.call('ZADD', PARKED, 'GT', untilMs, org)
redis.call('ZADD', LATER, redis.call('ZSCORE', PARKED, org), org)
return 0
