-- Goes before every script of this folder. The scripts keep the ready set: which organization may run next.
--
-- KEYS, the same in the same order for every script (src/redis/keys.ts); one hash tag, so one slot on a cluster:
--   1 ready   sorted set   organization -> virtual time: offered to workers, lowest first
--   2 later   sorted set   organization -> epoch ms: offered again from then on
--   3 parked  sorted set   organization -> epoch ms: not offered before, whatever is enqueued
--   4 known   hash         organization -> generation: may have runs; the generation grows with each mark
--   5 vtime   hash         organization -> virtual time of those that are not in `ready`
--   6 clock   string       virtual time that dispatch has reached
--   7 wake    sorted set   one member where a blocked worker must look at `later` again
local READY, LATER, PARKED, KNOWN, VTIME, CLOCK, WAKE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]

local function clockTime()
  return tonumber(redis.call('GET', CLOCK) or '0')
end

local function advanceClock(time)
  if time > clockTime() then redis.call('SET', CLOCK, time) end
end

-- Where a newly ready organization starts: at the smallest virtual time, so that idling banks no credit.
local function startOfLine()
  local head = redis.call('ZRANGE', READY, 0, 0, 'WITHSCORES')
  return head[2] and tonumber(head[2]) or clockTime()
end

-- Epoch ms until which the organization is parked, 0 where it is not.
local function parkedUntil(org, now)
  local untilMs = tonumber(redis.call('ZSCORE', PARKED, org) or '0')
  if untilMs > now then return untilMs end
  if untilMs > 0 then redis.call('ZREM', PARKED, org) end
  return 0
end

-- Puts the organization into `ready` unless it is there: not before its own last virtual time, so that coming back
-- quickly is no way to be served more often.
local function enter(org)
  if redis.call('ZSCORE', READY, org) then return end
  local own = tonumber(redis.call('HGET', VTIME, org) or '0')
  redis.call('ZADD', READY, math.max(startOfLine(), own), org)
  redis.call('HDEL', VTIME, org)
end

