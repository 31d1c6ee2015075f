-- Adds runs to the queues of their organizations and offers those.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 now (epoch ms), 4 options (JSON) of a run without delay and priority, then for
--       each organization: it, how many runs, and for each run: id, data; where the number is negative some of them have a
--       delay or a priority, and each has in addition: options (JSON), delay (ms), priority (0: none)
-- Returns 0.
-- Atomic: all are added, each organization is known and offered, or due at the first of its delays. A run whose job exists
-- stays as it is.
local nowText, now, plainOptions, i, argc = ARGV[3], tonumber(ARGV[3]), ARGV[4], 5, #ARGV
local FIELDS = 6
-- One that exists keeps its place; what is written to it again is what it says already, but for when and how it was added.
local function isNew(queue, id, data, options, delay, priority)
  return call('HSET', queue .. id, 'name', 'run', 'data', data, 'opts', options, 'timestamp', nowText, 'delay', delay, 'priority', priority) == FIELDS
end

-- Returns the delay of a new one (ms), and whether others were waiting before it; nil where it is not new.
local function add(queue, id, data, options, delay, priority)
  if not isNew(queue, id, data, options, delay, priority) then return nil end
  if delay ~= '0' then
    local delayMs = tonumber(delay)
    local from = (now + delayMs) * DELAY_STEP
    local last = call('ZREVRANGEBYSCORE', queue .. 'delayed', exact(from + DELAY_STEP - 1), exact(from), 'WITHSCORES', 'LIMIT', 0, 1)[2]
    call('ZADD', queue .. 'delayed', exact(last and math.min(tonumber(last) + 1, from + DELAY_STEP - 1) or from), id)
    return delayMs, false
  end
  if priority == '0' then return 0, call('LPUSH', queue .. 'wait', id) > 1 end
  prioritize(queue, id, tonumber(priority))
  return 0, false
end

-- Those from `i` on. Returns whether one of them is to run now, whether nobody waited before it, and the first of their delays' ends.
local function addAll(queue, count)
  local isNow, isFirst, dueMs = false, false, nil
  for at = i, i + 5 * (count - 1), 5 do
    local delayMs, isBehind = add(queue, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    if delayMs == 0 then isNow, isFirst = true, isFirst or not isBehind elseif delayMs then dueMs = math.min(dueMs or now + delayMs, now + delayMs) end
  end
  i = i + 5 * count
  return isNow, isFirst, dueMs
end

-- The same of runs without delay and priority.
local PUSHED_AT_ONCE = 1000
local function addPlain(queue, count)
  local isFirst, new = false, {}
  for at = i, i + 2 * (count - 1), 2 do
    local id = ARGV[at]
    if isNew(queue, id, ARGV[at + 1], plainOptions, '0', '0') then new[#new + 1] = id end
  end
  i = i + 2 * count
  for from = 1, #new, PUSHED_AT_ONCE do
    local to = math.min(#new, from + PUSHED_AT_ONCE - 1)
    isFirst = call('LPUSH', queue .. 'wait', unpack(new, from, to)) == to or isFirst
  end
  return new[1] ~= nil, isFirst
end

-- Those that had nobody waiting, and those that had: the latter are offered already, as a rule, which is asked for all at once.
local newcomers, behind = {}, {}
local function enterWhereNotOffered()
  for from = 1, #behind, PUSHED_AT_ONCE do
    local to = math.min(#behind, from + PUSHED_AT_ONCE - 1)
    for k, time in ipairs(call('ZMSCORE', READY, unpack(behind, from, to))) do
      if not time then enter(behind[from + k - 1]) end
    end
  end
end

-- As `enter` of each in turn: once somebody is in the line, all start from where it stands then.
local function enterAll()
  local n = 1
  while newcomers[n] and countOffered() == 0 do
    enter(newcomers[n])
    n = n + 1
  end
  for from = n, #newcomers, PUSHED_AT_ONCE do
    enterSome(newcomers, from, math.min(#newcomers, from + PUSHED_AT_ONCE - 1))
  end
end

local before = headOfLater()
while i <= argc do
  local org, count = ARGV[i], tonumber(ARGV[i + 1])
  local queue, isNow, isFirst, dueMs = queueOf(org)
  i = i + 2
  if count < 0 then isNow, isFirst, dueMs = addAll(queue, -count) else isNow, isFirst = addPlain(queue, count) end
  if dueMs then
    know(org)
    call('ZADD', LATER, 'LT', math.max(dueMs, parkedUntil(org, now)), org)
  end
  if isNow and parkedUntil(org, now) == 0 then
    local entering = isFirst and newcomers or behind
    entering[#entering + 1] = org
  end
end
enterAll()
enterWhereNotOffered()
wakeIfSooner(before)
return 0
