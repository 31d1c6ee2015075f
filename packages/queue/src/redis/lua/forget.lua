-- Drops an organization that has no runs.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 organization
-- Returns 1 where it was dropped, else 0.
-- Atomic: one that has runs, or that is or will be offered, stays known.
return forget(ARGV[3]) and 1 or 0
