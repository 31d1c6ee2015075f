-- Makes room for runs in the flows of one organization (src/inner-order.ts). Stands alone: prelude.lua does not go before it.
-- KEYS: 1 order: hash, flow -> where it finishes; `band` -> the last finish in the band; 2 BullMQ's prioritized set of
--       the organization's queue (score: priority x 2^32 + counter); one slot
-- ARGV: 1 size of a band, 2 ms that the order is kept, then groups of three: flow, band, runs
-- Returns where each flow's room begins.
-- Atomic: with nothing waiting the order starts anew. A flow starts at its own finish or at the run next in line in its
-- band, whichever is later; without one in line, at the last finish in the band.
local ORDER, PRIORITIZED, bandSize = KEYS[1], KEYS[2], tonumber(ARGV[1])
local MANY_FLOWS = 1024
if redis.call('ZCARD', PRIORITIZED) == 0 then redis.call('DEL', ORDER) end

local function lineOf(band)
  local from = 1 + band * bandSize
  local head = redis.call('ZRANGEBYSCORE', PRIORITIZED, from * 4294967296, '(' .. (from + bandSize) * 4294967296, 'WITHSCORES', 'LIMIT', 0, 1)
  if head[2] then return math.floor(tonumber(head[2]) / 4294967296) - from end
  return tonumber(redis.call('HGET', ORDER, band) or '0')
end

local starts = {}
for i = 3, #ARGV, 3 do
  local flow, band, runs = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local line = lineOf(tonumber(band))
  local start = math.max(line, tonumber(redis.call('HGET', ORDER, flow) or '0'))
  redis.call('HSET', ORDER, flow, start + runs)
  if start + runs > tonumber(redis.call('HGET', ORDER, band) or '0') then redis.call('HSET', ORDER, band, start + runs) end
  starts[#starts + 1] = start
end
-- Flows that the line has passed start there anyway.
if redis.call('HLEN', ORDER) % MANY_FLOWS == 0 then
  local all = redis.call('HGETALL', ORDER)
  for i = 1, #all, 2 do
    local band = string.match(all[i], '^(%d+):')
    if band and tonumber(all[i + 1]) <= lineOf(tonumber(band)) then redis.call('HDEL', ORDER, all[i]) end
  end
end
redis.call('PEXPIRE', ORDER, ARGV[2])
return starts
