-- Brings this shard level with the others.
-- KEYS: see prelude.lua
-- ARGV: 1 the lowest virtual time that waits in another shard, '' where there is none, 2 what dispatch has reached in any
-- Returns 0.
-- Atomic.
if ARGV[1] == '' then call('DEL', ELSEWHERE) else call('SET', ELSEWHERE, ARGV[1]) end
advanceClock(tonumber(ARGV[2]))
return 0
