-- Drops an organization that had no run when the caller looked.
-- KEYS: see prelude.lua
-- ARGV: 1 organization, 2 its generation before the caller looked
-- Returns 1 where it was dropped, else 0.
-- Atomic: one that was marked since, or that is about to be offered, stays known.
local org = ARGV[1]
if redis.call('HGET', KNOWN, org) ~= ARGV[2] then return 0 end
if redis.call('ZSCORE', READY, org) or redis.call('ZSCORE', LATER, org) or redis.call('ZSCORE', PARKED, org) then return 0 end
redis.call('HDEL', KNOWN, org)
redis.call('HDEL', VTIME, org)
return 1
