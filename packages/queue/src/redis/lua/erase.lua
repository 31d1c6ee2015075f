-- Drops all that is known of an organization, its limits too, whether it has runs or not.
-- KEYS: see prelude.lua
-- ARGV: 1 organization
-- Atomic. What is marked afterwards is a new organization.
local org = ARGV[1]
for _, set in ipairs({ READY, LATER, PARKED }) do call('ZREM', set, org) end
for _, hash in ipairs({ KNOWN, VTIME, LIMITS, MEMORY }) do call('HDEL', hash, org) end
