-- Lets one caller sweep.
-- KEYS: see prelude.lua
-- ARGV: 1 how long nobody else may, ms
-- Returns 1 for the one that may, else 0.
-- Atomic: claims that are as they were one turn ago belong to a worker that died, and are forgotten: the sweep offers
-- their organizations again.
if not redis.call('SET', SWEEP, '1', 'PX', ARGV[1], 'NX') then return 0 end
local before = redis.call('ZRANGE', UNSETTLED, 0, -1, 'WITHSCORES')
for i = 1, #before, 2 do
  if redis.call('ZSCORE', CLAIMED, before[i]) == before[i + 1] then redis.call('ZREM', CLAIMED, before[i]) end
end
redis.call('DEL', UNSETTLED)
redis.call('ZUNIONSTORE', UNSETTLED, 1, CLAIMED)
return 1
