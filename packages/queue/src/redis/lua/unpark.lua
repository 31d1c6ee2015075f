-- A run of the organization ended, so whatever it was parked for may have room again.
-- KEYS: see prelude.lua
-- ARGV: 1 organization
-- Returns 1 where it was parked, else 0.
-- Atomic: a parked organization is ready afterwards.
if redis.call('ZREM', PARKED, ARGV[1]) == 0 then return 0 end
enter(ARGV[1])
return 1
