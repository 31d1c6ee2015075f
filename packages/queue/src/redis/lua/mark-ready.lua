-- Organizations that have something to run now.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2.. organizations
-- Returns 0.
-- Atomic: each is known afterwards, and in `ready` unless it is parked.
local now = tonumber(ARGV[1])
for i = 2, #ARGV do
  know(ARGV[i])
  if parkedUntil(ARGV[i], now) == 0 then enter(ARGV[i]) end
end
return 0
