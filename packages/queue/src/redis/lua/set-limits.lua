-- Changes limits of an organization.
-- KEYS: see prelude.lua
-- ARGV: 1 organization, 2 the limits that change, as JSON: null for those that are back at their default, 3 MB that its
--       active runs hold: where a memory limit is new they count as in flight
-- Returns 0.
-- Atomic: the others stay as they are. Paused, it is no longer offered; else it is, in case a limit held it.
local org = ARGV[1]
local limits = limitsOf(org)
for name, value in pairs(cjson.decode(ARGV[2])) do
  if value == cjson.null then limits[name] = nil else limits[name] = value end
end
if next(limits) then call('HSET', LIMITS, org, cjson.encode(limits)) else call('HDEL', LIMITS, org) end
hasLimits = true
if limits.maxMemoryInFlightMb then call('HSETNX', MEMORY, org, ARGV[3]) else call('HDEL', MEMORY, org) end
if limits.paused then
  withdraw(org)
  return 0
end
know(org)
call('ZREM', PARKED, org)
enter(org)
return 0
