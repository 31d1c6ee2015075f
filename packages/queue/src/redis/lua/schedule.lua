-- Organizations that will have something to run at a time to come.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then pairs of organization and epoch ms
-- Returns 0.
-- Atomic: each is known and in `later` at the earliest of its times (not before its parking ends); where the head of
-- `later` moved forward, one blocked worker is woken, so that nobody sleeps past it.
local now = tonumber(ARGV[1])
local before = call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2]
for i = 2, #ARGV, 2 do
  local org, at = ARGV[i], tonumber(ARGV[i + 1])
  know(org)
  call('ZADD', LATER, 'LT', math.max(at, parkedUntil(org, now)), org)
end
local after = call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2]
if after and (not before or tonumber(after) < tonumber(before)) then call('ZADD', WAKE, 0, 'later') end
return 0
