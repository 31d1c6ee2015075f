-- Renews BullMQ's locks of runs of one organization, as its own extendLocks does. Stands alone: prelude.lua does not go
-- before it. It is here so that the lease thread needs not load BullMQ.
-- KEYS: 1 BullMQ's set of jobs that may be stalled, of the organization's queue
-- ARGV: 1 what every key of the queue begins with, 2 ms, then pairs of run and token
-- Returns the runs whose lock is gone or another's.
-- Atomic: a run whose lock is renewed is not found stalled by the look that is under way.
local lost = {}
for i = 3, #ARGV, 2 do
  local lock = ARGV[1] .. ARGV[i] .. ':lock'
  if redis.call('GET', lock) == ARGV[i + 1] then
    redis.call('PEXPIRE', lock, ARGV[2])
    redis.call('SREM', KEYS[1], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
