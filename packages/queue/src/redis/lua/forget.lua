-- Drops an organization that had no run when the caller looked.
-- KEYS: see prelude.lua
-- ARGV: 1 organization, 2 its generation before the caller looked
-- Returns 1 where it was dropped, else 0.
-- Atomic: one that was marked since, or that is or will be offered, stays known. Its limits stay in any case.
local org = ARGV[1]
if call('HGET', KNOWN, org) ~= ARGV[2] then return 0 end
for _, set in ipairs({ READY, LATER, PARKED }) do
  if call('ZSCORE', set, org) then return 0 end
end
call('HDEL', KNOWN, org)
call('HDEL', VTIME, org)
if call('HEXISTS', MEMORY, org) == 1 then call('HSET', MEMORY, org, 0) end
return 1
