-- Organizations that will have something to run at a time to come.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), then pairs of organization and epoch ms
-- Returns 0.
-- Atomic: each is known and in `later` at the earliest of its times (not before its parking ends); where the head of
-- `later` moved forward, one blocked worker is woken, so that nobody sleeps past it.
local now = tonumber(ARGV[1])
local before = headOfLater()
for i = 2, #ARGV, 2 do
  local org, at = ARGV[i], tonumber(ARGV[i + 1])
  know(org)
  call('ZADD', LATER, 'LT', math.max(at, parkedUntil(org, now)), org)
end
wakeIfSooner(before)
return 0
