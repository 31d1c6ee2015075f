-- Goes before every script of this folder. The scripts keep the ready set: which organization may run next.
--
-- KEYS, the same in the same order for every script (src/redis/keys.ts); one hash tag, so one slot on a cluster:
--   1 ready    sorted set  organization -> virtual time: offered to workers, lowest first
--   2 later    sorted set  organization -> epoch ms: offered again from then on
--   3 parked   sorted set  organization -> epoch ms: not offered before, whatever is enqueued
--   4 known    hash        organization -> generation: may have runs; the generation grows with each mark
--   5 vtime    hash        organization -> virtual time of those that are known and not in `ready`
--   6 clock    string      virtual time that dispatch has reached
--   7 wake     sorted set  one member where a blocked worker must claim
--   8 claimed  sorted set  organization -> virtual time: with a worker, not settled yet
--   9 unsettled sorted set what `claimed` was at the last sweep
--  10 limits   hash        organization -> its limits that are not the default, JSON
--  11 memory   hash        organization -> MB in flight, of those with a memory limit
--  12 sweep    string      there while nobody may sweep
--  13 elsewhere string     on a cluster, where some wait or are claimed in other shards: the lowest virtual time there
local READY, LATER, PARKED, KNOWN, VTIME, CLOCK, WAKE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local CLAIMED, UNSETTLED, LIMITS, MEMORY, SWEEP, ELSEWHERE = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
-- Parked until one of its runs ends.
local UNTIL_ROOM = 9000000000000000

-- %.17g: what tostring() would round away is seconds in an installation that has run for years.
local function exact(number)
  return string.format('%.17g', number)
end

local function clockTime()
  return tonumber(redis.call('GET', CLOCK) or '0')
end

local function advanceClock(time)
  if time > clockTime() then redis.call('SET', CLOCK, exact(time)) end
end

local hasLimits = redis.call('EXISTS', LIMITS) == 1
local function limitsOf(org)
  local text = hasLimits and redis.call('HGET', LIMITS, org)
  return text and cjson.decode(text) or {}
end

-- Where a newly ready organization starts: at the smallest virtual time of those that wait or are just being served, so
-- that idling banks no credit.
local function startOfLine()
  local head = redis.call('ZRANGE', READY, 0, 0, 'WITHSCORES')[2]
  local served = redis.call('ZRANGE', CLAIMED, 0, 0, 'WITHSCORES')[2]
  local elsewhere = redis.call('GET', ELSEWHERE)
  local start = math.min(tonumber(head or math.huge), tonumber(served or math.huge), tonumber(elsewhere or math.huge))
  return start < math.huge and start or clockTime()
end

-- Whether nobody but this organization waits.
local function isAlone(org)
  if redis.call('EXISTS', ELSEWHERE) == 1 then return false end
  local own = (redis.call('ZSCORE', READY, org) and 1 or 0) + (redis.call('ZSCORE', CLAIMED, org) and 1 or 0)
  return redis.call('ZCARD', READY) + redis.call('ZCARD', CLAIMED) == own
end

-- Adds what runs cost, in resource-seconds. What is used while nobody else waits moves the clock too, so that whoever
-- comes later starts level with this organization, and it owes nothing.
local function charge(org, seconds)
  if seconds == 0 then return end
  local step = exact(seconds / (limitsOf(org).weight or 1))
  local time
  if redis.call('ZSCORE', READY, org) then
    time = redis.call('ZINCRBY', READY, step, org)
  elseif redis.call('HEXISTS', VTIME, org) == 1 then
    time = redis.call('HINCRBYFLOAT', VTIME, org, step)
  else
    return
  end
  if isAlone(org) then advanceClock(tonumber(time)) end
end

-- Epoch ms until which the organization is parked, 0 where it is not.
local function parkedUntil(org, now)
  local untilMs = tonumber(redis.call('ZSCORE', PARKED, org) or '0')
  if untilMs > now then return untilMs end
  if untilMs > 0 then redis.call('ZREM', PARKED, org) end
  return 0
end

-- Offers the organization at its own virtual time.
local function offer(org, time)
  redis.call('ZADD', READY, exact(time), org)
  redis.call('HDEL', VTIME, org)
  redis.call('ZADD', WAKE, 0, 'ready')
end

-- Offers the organization unless it is, or is paused: not before its own last virtual time, so that coming back
-- quickly is no way to be served more often.
local function enter(org)
  if redis.call('ZSCORE', READY, org) or limitsOf(org).paused then return end
  local own = tonumber(redis.call('HGET', VTIME, org) or '0')
  offer(org, math.max(startOfLine(), own))
end

-- Offers those whose time in `later` has come.
local function promote(now)
  for _, org in ipairs(redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 256)) do
    local untilMs = parkedUntil(org, now)
    if untilMs > 0 then
      redis.call('ZADD', LATER, untilMs, org)
    else
      redis.call('ZREM', LATER, org)
      enter(org)
    end
  end
end

-- Takes the organization out of `ready`.
local function withdraw(org)
  local time = redis.call('ZSCORE', READY, org)
  if not time then return end
  redis.call('ZREM', READY, org)
  redis.call('HSET', VTIME, org, time)
end

