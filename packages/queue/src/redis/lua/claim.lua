-- Takes organizations out of `ready` for one worker, after promoting those whose time in `later` has come.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2 how many at most
-- Returns { groups of organization, virtual time, weight, 1 where it has a memory limit; 1 where nobody else waits;
-- epoch ms of the head of `later` or false, generations }.
-- Atomic: an organization is given to one caller; if that one dies before it settles it (settle.lua), the sweep finds
-- it through `known`. Where some are left, the next blocked worker is woken.
local now = tonumber(ARGV[1])
promote(now)
local popped = redis.call('ZPOPMIN', READY, ARGV[2])
local claimed, times, scores, orgs = {}, {}, {}, {}
for i = 1, #popped, 2 do
  local org, time = popped[i], popped[i + 1]
  local limits = limitsOf(org)
  claimed[#claimed + 1], claimed[#claimed + 2] = org, time
  claimed[#claimed + 1], claimed[#claimed + 2] = tostring(limits.weight or 1), limits.maxMemoryInFlightMb and 1 or 0
  orgs[#orgs + 1] = org
  times[i], times[i + 1] = org, time
  scores[i], scores[i + 1] = time, org
end
redis.call('DEL', WAKE)
local alone, generations = 0, {}
if popped[1] then
  advanceClock(tonumber(popped[2]))
  generations = redis.call('HMGET', KNOWN, unpack(orgs))
  redis.call('HSET', VTIME, unpack(times))
  redis.call('ZADD', CLAIMED, unpack(scores))
  local left = redis.call('ZCARD', READY)
  if left > 0 then redis.call('ZADD', WAKE, 0, 'ready') end
  if left == 0 and #popped == 2 and redis.call('ZCARD', CLAIMED) == 1 then alone = 1 end
end
return { claimed, alone, redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2] or false, generations }
