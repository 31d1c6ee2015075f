-- Takes organizations out of `ready` for one worker, after promoting those whose time in `later` has come.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2 how many at most
-- Returns { { organization, virtual time, organization, virtual time, ... }, epoch ms of the head of `later` or false }.
-- Atomic: an organization is given to one caller only. Whoever gets it settles it (settle.lua); if that caller dies
-- first, the sweep finds the organization through `known`.
local now = tonumber(ARGV[1])
local due = redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 256)
for _, org in ipairs(due) do
  local untilMs = parkedUntil(org, now)
  if untilMs > 0 then
    redis.call('ZADD', LATER, untilMs, org)
  else
    redis.call('ZREM', LATER, org)
    enter(org)
  end
end
local popped = redis.call('ZPOPMIN', READY, ARGV[2])
if popped[2] then advanceClock(tonumber(popped[2])) end
redis.call('DEL', WAKE)
return { popped, redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2] or false }
