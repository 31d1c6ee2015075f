-- Counts the memory of taken runs as in flight, as far as the organization's limit allows.
-- KEYS: see prelude.lua
-- ARGV: 1 organization, 2.. MB of each run
-- Returns how many of them, from the first, were counted.
-- Atomic: where some do not fit the organization is parked until one of its runs ends. With nothing in flight the first
-- always fits, or a run larger than the limit would block its organization for ever.
local org, fit = ARGV[1], 0
local limitMb = limitsOf(org).maxMemoryInFlightMb
if not limitMb then return #ARGV - 1 end
local inFlightMb = tonumber(redis.call('HGET', MEMORY, org) or '0')
for i = 2, #ARGV do
  local wantedMb = tonumber(ARGV[i])
  if inFlightMb > 0 and inFlightMb + wantedMb > limitMb then break end
  inFlightMb = inFlightMb + wantedMb
  fit = fit + 1
end
redis.call('HSET', MEMORY, org, inFlightMb)
if fit < #ARGV - 1 then
  withdraw(org)
  redis.call('ZADD', PARKED, UNTIL_ROOM, org)
end
return fit
