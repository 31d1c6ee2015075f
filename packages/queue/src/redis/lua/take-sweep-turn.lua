-- Lets one caller sweep.
-- KEYS: see prelude.lua
-- ARGV: 1 how long nobody else may, ms
-- Returns 1 for the one that may, else 0.
return call('SET', SWEEP, '1', 'PX', ARGV[1], 'NX') and 1 or 0
