-- Adds runs to the queues of their organizations and offers those.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 now (epoch ms), then for each organization: it, how
--       many runs, and for each run: id, data, options (JSON), delay (ms), priority (0: none)
-- Returns 0.
-- Atomic: all are added, each organization is known and offered, or due at the first of its delays. A run whose job exists
-- stays as it is.
local nowText, now, i = ARGV[3], tonumber(ARGV[3]), 4
local FIELDS = 6
-- One that exists keeps its place; what is written to it again is what it says already, but for when and how it was added.
-- Returns its delay (ms), and whether others were waiting before it; nil where it is not new.
local function add(queue, id, data, options, delay, priority)
  local isNew = call('HSET', queue .. id, 'name', 'run', 'data', data, 'opts', options, 'timestamp', nowText, 'delay', delay, 'priority', priority) == FIELDS
  if not isNew then return nil end
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

local before = headOfLater()
while i <= #ARGV do
  local org, count = ARGV[i], tonumber(ARGV[i + 1])
  local queue, isNow, isFirst, dueMs = queueOf(org), false, false, nil
  i = i + 2
  for _ = 1, count do
    local delayMs, isBehind = add(queue, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    if delayMs == 0 then isNow, isFirst = true, isFirst or not isBehind elseif delayMs then dueMs = math.min(dueMs or now + delayMs, now + delayMs) end
    i = i + 5
  end
  if dueMs then
    know(org)
    call('ZADD', LATER, 'LT', math.max(dueMs, parkedUntil(org, now)), org)
  end
  -- Where others wait it is offered already, as a rule.
  if isNow and (isFirst or not call('ZSCORE', READY, org)) and parkedUntil(org, now) == 0 then enter(org) end
end
wakeIfSooner(before)
return 0
