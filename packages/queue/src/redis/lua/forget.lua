-- Drops an organization that has no runs.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 organization
-- Returns 1 where it was dropped, else 0.
-- Atomic: one that has runs, or that is or will be offered, stays known. Its limits stay in any case.
local org = ARGV[3]
local queue = queueOf(org)
if call('EXISTS', queue .. 'wait', queue .. 'prioritized', queue .. 'delayed', queue .. 'active') > 0 then return 0 end
for _, set in ipairs({ READY, LATER, PARKED }) do
  if call('ZSCORE', set, org) then return 0 end
end
call('HDEL', KNOWN, org)
call('HDEL', VTIME, org)
if call('HEXISTS', MEMORY, org) == 1 then call('HSET', MEMORY, org, 0) end
return 1
