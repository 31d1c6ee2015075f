-- Goes before every script of this folder but extend-flows. The scripts keep the ready set: which organization may run next.
--
-- KEYS, the same in the same order for every script (src/redis/keys.ts); one hash tag, so one slot on a cluster:
--   1 ready    sorted set  organization -> virtual time: offered to workers, lowest first
--   2 later    sorted set  organization -> epoch ms: offered again from then on
--   3 parked   sorted set  organization -> epoch ms: not offered before, whatever is enqueued
--   4 known    hash        organization -> 1: may have runs
--   5 vtime    hash        organization -> its virtual time when it last left `ready`; where it is in there, that counts
--   6 clock    string      virtual time that dispatch has reached: where the last one served beside others began
--   7 wake     sorted set  one member where a blocked worker must look
--   8 limits   hash        organization -> its limits that are not the default, JSON
--   9 memory   hash        organization -> MB in flight, of those with a memory limit
--  10 sweep    string      there while nobody may sweep
--  11 elsewhere string     on a cluster, where some wait in other shards: the lowest virtual time there
local READY, LATER, PARKED, KNOWN, VTIME, CLOCK, WAKE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local LIMITS, MEMORY, SWEEP, ELSEWHERE = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local call = redis.call
-- Arguments of `call` are text wherever they can be: a Lua number costs the server as much as a short command to print.
-- Parked until one of its runs ends.
local UNTIL_ROOM = 9000000000000000
-- How far before the lowest of those that wait a newcomer may start; as in run-cost.ts.
local HEAD_START = 0.05

-- %.17g: what tostring() would round away is seconds in an installation that has run for years.
local function exact(number)
  return string.format('%.17g', number)
end

local function clockTime()
  return tonumber(call('GET', CLOCK) or '0')
end

local function advanceClock(time)
  if time > clockTime() then call('SET', CLOCK, exact(time)) end
end

local hasLimits = call('EXISTS', LIMITS) == 1
local NO_LIMITS = {}
local function limitsOf(org)
  local text = hasLimits and call('HGET', LIMITS, org)
  return text and cjson.decode(text) or NO_LIMITS
end

-- Epoch ms of the head of `later`, as text; nil where nobody is in it.
local function headOfLater()
  return call('ZRANGE', LATER, '0', '0', 'WITHSCORES')[2]
end

-- Wakes a blocked worker where the head of `later` is sooner than it was, since it waits for that one.
local function wakeIfSooner(before)
  local after = headOfLater()
  if after and (not before or tonumber(after) < tonumber(before)) then call('ZADD', WAKE, '0', 'later') end
end

-- Where a newly ready organization starts: at the clock, so that idling banks no credit, which is brought up to HEAD_START before
-- those that wait; and not behind them. They have been charged since the clock, so its turn is next, even where a charge of theirs
-- proves to have been too high. Kept as long as nobody is charged: whoever enters starts there or later, and the first who does
-- brings the clock there.
local lineStart, lineText, isClockBehind, isEmptyLine
local function startOfLine()
  if lineStart then return lineStart end
  local head = call('ZRANGE', READY, '0', '0', 'WITHSCORES')[2]
  local elsewhere = call('GET', ELSEWHERE)
  local lowest, reached = math.min(tonumber(head or math.huge), tonumber(elsewhere or math.huge)), clockTime()
  isEmptyLine = lowest == math.huge
  isClockBehind = not isEmptyLine and lowest - HEAD_START > reached
  lineStart, lineText = isClockBehind and lowest - HEAD_START or math.min(lowest, reached), nil
  return lineStart
end

-- How many are offered; kept by whoever changes it.
local offeredCount
local function countOffered()
  offeredCount = offeredCount or call('ZCARD', READY)
  return offeredCount
end

-- Adds what runs cost, in resource-seconds. What is used while nobody else waits moves the clock too, so that whoever
-- comes later starts where the last of it began, or close behind, and it owes no more than that.
local function charge(org, seconds)
  if seconds == 0 then return end
  lineStart = nil
  local step = seconds / (limitsOf(org).weight or 1)
  local time, own = call('ZADD', READY, 'XX', 'INCR', exact(step), org), 1
  if not time then
    local before = call('HGET', VTIME, org)
    if not before then return end
    time, own = exact(tonumber(before) + step), 0
    call('HSET', VTIME, org, time)
  end
  if countOffered() == own and call('EXISTS', ELSEWHERE) == 0 then advanceClock(tonumber(time) - math.min(math.max(0, step), HEAD_START)) end
end

local function know(org)
  call('HSETNX', KNOWN, org, '1')
end

-- Epoch ms until which the organization is parked, 0 where it is not.
local hasParked = call('EXISTS', PARKED) == 1
local function parkedUntil(org, now)
  if not hasParked then return 0 end
  local untilMs = tonumber(call('ZSCORE', PARKED, org) or '0')
  if untilMs > now then return untilMs end
  if untilMs > 0 then call('ZREM', PARKED, org) end
  return 0
end

-- Where an organization enters the line, as text: not before its own last virtual time, so that coming back quickly is no way to be
-- served more often.
local function entranceOf(own, start)
  if own and tonumber(own) > start then return own end
  lineText = lineText or exact(start)
  return lineText
end

-- So many have been offered that were not.
local hasWoken = false
local function haveEntered(count)
  if isClockBehind then advanceClock(lineStart) end
  isClockBehind = false
  if isEmptyLine then lineStart = nil end
  if offeredCount then offeredCount = offeredCount + count end
  if not hasWoken then call('ZADD', WAKE, '0', 'ready') end
  hasWoken = true
end

-- Offers the organization unless it is, or is paused.
local function enter(org)
  if hasLimits and limitsOf(org).paused then return end
  local own = call('HGET', VTIME, org)
  if call('ZADD', READY, 'NX', entranceOf(own, startOfLine()), org) == 0 then return end
  if not own then know(org) end
  haveEntered(1)
end

-- The same of many, where somebody is in the line already.
local function enterSome(orgs, from, to)
  local owns, start, entries = call('HMGET', VTIME, unpack(orgs, from, to)), startOfLine(), {}
  for k, own in ipairs(owns) do
    local org = orgs[from + k - 1]
    if not (hasLimits and limitsOf(org).paused) then
      entries[#entries + 1], entries[#entries + 2] = entranceOf(own, start), org
      if not own then know(org) end
    end
  end
  local count = entries[1] and call('ZADD', READY, 'NX', unpack(entries)) or 0
  if count > 0 then haveEntered(count) end
end

-- Takes the organization out of `ready`.
local function withdraw(org)
  local time = call('ZSCORE', READY, org)
  if not time then return end
  call('ZREM', READY, org)
  call('HSET', VTIME, org, time)
  lineStart, offeredCount = nil, nil
end

-- Not offered before `untilMs`, unless one of its runs ends.
local function park(org, untilMs)
  withdraw(org)
  call('ZADD', PARKED, 'GT', untilMs, org)
  hasParked = true
  call('ZADD', LATER, call('ZSCORE', PARKED, org), org)
end

-- One of its runs ended, so whatever it waited for may have room. `freedMb`: memory that is no longer in flight.
local function runEnded(org, freedMb, limits)
  if freedMb ~= 0 and limits.maxMemoryInFlightMb then
    call('HSET', MEMORY, org, math.max(0, tonumber(call('HGET', MEMORY, org) or '0') - freedMb))
  end
  if (hasParked and call('ZREM', PARKED, org) == 1) or limits.maxConcurrency then enter(org) end
end
