-- One turn of a worker: ends runs, and takes the next ones of those whose turn it is.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 now (epoch ms), 4 events that BullMQ keeps per queue, 5 name of the
--       worker, 6 lease (ms), 7 token of the leases, 8 cost of a run that nothing is known of, 9 cost of what an
--       organization is given at once, 10 how many to take, 11 whom the worker has no room for ('' for nobody, else ms to pass
--       them over for and organizations, with blanks between), then for each organization and token of which runs ended: both,
--       MB freed, what the organization's runs cost on average ('' where that has not changed), how many runs, and of each its
--       id and what is still owed for it (resource-seconds)
-- Returns { which of the ended were not held (from 1); of each look that took runs: organization, what each was charged, how
-- many, and of each id, data, 1 where it was handed out before, else 0; jobs taken that are no runs, as organization and id; epoch ms of
-- the head of `later` or false }.
-- Atomic. The runs taken are those that virtual-time order gives if organizations are looked at one by one, and each look takes
-- one run, or as many as cost ARGV[9] together, and charges them.
local nowText, now, max, keptEvents = ARGV[3], tonumber(ARGV[3]), tonumber(ARGV[10]), ARGV[4]
local worker, leaseMs, token, unknownCost, quantum = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
-- In a queue's meta, beside BullMQ's own fields, so that they are read at once.
local AVERAGE_COST = 'bullpen.cost'
-- How long an organization stays away that somebody else than Bullpen paused or limited.
local LOOK_AGAIN_MS = 1000
-- Organizations that one turn looks at: a bound on its time where many have nothing.
local MAX_LOOKS = 1024

local full, passMs = {}, tonumber(string.match(ARGV[11], '^%d+') or '0')
for org in string.gmatch(ARGV[11], ' (%S+)') do full[org] = true end

-- All locks at once, and at once all that is left of the runs: what BullMQ keeps beside a job under its id goes with it.
local FIRST_END, argc = 12, #ARGV
local lost, jobs, locks, gone, logs = {}, {}, {}, {}, {}
-- For each group: where it begins, its queue, how many ended before it, how many are in it.
local function eachGroup(visit)
  local at, before = FIRST_END, 0
  while at <= argc do
    local count = tonumber(ARGV[at + 4])
    visit(at, queueOf(ARGV[at]), before, count)
    at, before = at + 5 + 2 * count, before + count
  end
end

-- Whether those of the group are all that the queue has active, so that the list can go as a whole.
local function areAllActive(at, queue, count)
  local active, ended = call('LRANGE', queue .. 'active', '0', count), {}
  if #active ~= count then return false end
  for i = at + 5, at + 3 + 2 * count, 2 do ended[ARGV[i]] = true end
  for _, id in ipairs(active) do
    if not ended[id] then return false end
  end
  return true
end

eachGroup(function(at, queue, before, count)
  for k = 1, count do
    local job = queue .. ARGV[at + 3 + 2 * k]
    jobs[before + k], locks[before + k] = job, job .. ':lock'
  end
end)
local tokens = locks[1] and call('MGET', unpack(locks)) or {}
eachGroup(function(at, queue, before, count)
  local org, token, held = ARGV[at], ARGV[at + 1], {}
  for k = 1, count do
    if tokens[before + k] == token then held[#held + 1] = k else lost[#lost + 1] = before + k end
  end
  local areAll = count > 1 and #held == count and areAllActive(at, queue, count)
  if areAll then gone[#gone + 1] = queue .. 'active' end
  for _, k in ipairs(held) do
    if areAll or call('LREM', queue .. 'active', '-1', ARGV[at + 3 + 2 * k]) > 0 then
      local g, job = #gone, jobs[before + k]
      gone[g + 1], gone[g + 2], logs[#logs + 1] = job, locks[before + k], job .. ':logs'
    else
      lost[#lost + 1] = before + k
    end
  end
  for k = 1, count do
    local owed = ARGV[at + 4 + 2 * k]
    if owed ~= '0' then charge(org, tonumber(owed)) end
    -- What they free is free with the first of them.
    if hasParked or hasLimits then runEnded(org, k == 1 and tonumber(ARGV[at + 2]) or 0, limitsOf(org)) end
  end
  -- Written now and then: also how many events BullMQ is to keep, which it would set to 10,000 otherwise.
  if ARGV[at + 3] ~= '' then call('HSET', queue .. 'meta', AVERAGE_COST, ARGV[at + 3], 'opts.maxLenEvents', keptEvents) end
end)
if gone[1] then
  call('DEL', unpack(gone))
  -- Only stock tools write them.
  if call('EXISTS', unpack(logs)) > 0 then call('DEL', unpack(logs)) end
end

local due = max > 0 and call('ZRANGEBYSCORE', LATER, '-inf', nowText, 'LIMIT', '0', '256') or {}
for _, org in ipairs(due) do
  local untilMs = parkedUntil(org, now)
  if untilMs > 0 then
    call('ZADD', LATER, untilMs, org)
  else
    local queue = queueOf(org)
    promote(queue, now)
    local nextMs = nextDelayed(queue)
    if nextMs then call('ZADD', LATER, nextMs, org) else call('ZREM', LATER, org) end
    enter(org)
  end
end

-- The line: those that are offered, as far as their turn may have come. `line` is a heap of places in the lists beside it; equal
-- times go by name, as in a sorted set. The next one comes in when nobody in the line is before it.
local PAGE = math.min(max, 8)
local orgs, times, stays, changed, line = {}, {}, {}, {}, {}
local page, offered, inAll = {}, 0, max > 0 and countOffered() or 0
local function comesBefore(a, b)
  if times[a] ~= times[b] then return times[a] < times[b] end
  return orgs[a] < orgs[b]
end
local function rise(at)
  while at > 1 do
    local parent = math.floor(at / 2)
    if not comesBefore(line[at], line[parent]) then return end
    line[at], line[parent], at = line[parent], line[at], parent
  end
end
local function sink()
  local at, size = 1, #line
  while true do
    local child = at * 2
    if child > size then return end
    if child < size and comesBefore(line[child + 1], line[child]) then child = child + 1 end
    if not comesBefore(line[child], line[at]) then return end
    line[at], line[child], at = line[child], line[at], child
  end
end
local function letIn()
  while offered < inAll do
    local at = offered + 1
    if not orgs[at] then
      local i = (offered % PAGE) * 2 + 1
      if i == 1 then page = call('ZRANGE', READY, offered, offered + PAGE - 1, 'WITHSCORES') end
      orgs[at], times[at], stays[at] = page[i], tonumber(page[i + 1]), true
    end
    if line[1] and comesBefore(line[1], at) then return end
    offered = at
    line[#line + 1] = at
    rise(#line)
  end
end

-- Why an organization leaves the line: it has nothing now; something later; its memory limit; another limit, until a time.
local leave = { idle = 1, later = 2, room = 3, limit = 4 }
local runs, strangers, reached = {}, {}, nil

-- Why nothing may be taken of the queue now, from its meta: BullMQ's own limits.
local function barred(org, queue, meta)
  if meta[3] and tonumber(meta[3]) <= tonumber(call('GET', queue .. 'limiter') or '0') then
    local leftMs = call('PTTL', queue .. 'limiter')
    if leftMs > 0 then return leave.limit, now + leftMs end
    call('DEL', queue .. 'limiter')
  end
  local isFull = meta[2] and call('LLEN', queue .. 'active') >= tonumber(meta[2])
  if not meta[1] and not isFull then return nil end
  -- The end of one of its runs, or whoever lifts its pause, offers it again: where they are ours to know.
  local limits = limitsOf(org)
  if (meta[1] and limits.paused) or (isFull and limits.maxConcurrency) then return leave.idle end
  return leave.limit, now + LOOK_AGAIN_MS
end

-- Whether its memory limit has room for the run, which then counts as in flight. With nothing in flight the first always
-- fits, or a run larger than the limit would block its organization for ever.
local function reserve(org, limitMb, wantedMb)
  local inFlightMb = tonumber(call('HGET', MEMORY, org) or '0')
  if inFlightMb > 0 and inFlightMb + wantedMb > limitMb then return false end
  call('HSET', MEMORY, org, inFlightMb + wantedMb)
  return true
end

-- The next ones, at most `count`; what has a priority comes one by one, with its score.
local function nextIds(queue, count)
  local wait, active = queue .. 'wait', queue .. 'active'
  if count == 1 then
    local id = call('RPOPLPUSH', wait, active)
    if id then return { id } end
  else
    local ids = call('RPOP', wait, count)
    if ids then
      call('LPUSH', active, unpack(ids))
      return ids
    end
  end
  local popped = call('ZPOPMIN', queue .. 'prioritized')
  if not popped[1] then return nil end
  call('LPUSH', active, popped[1])
  return { popped[1] }, popped[2]
end

local function putBack(queue, id, score)
  call('LREM', queue .. 'active', '1', id)
  if score then call('ZADD', queue .. 'prioritized', score, id) else call('RPUSH', queue .. 'wait', id) end
end

-- Of the text in a meta; many organizations' say the same.
local costs = {}
local function costOf(text)
  if not text then return unknownCost end
  costs[text] = costs[text] or tonumber(text)
  return costs[text]
end

-- How many of an organization at once. One that has a limit is counted one by one.
local taken, looks = 0, 0
local function burstOf(cost, meta, limits)
  if meta[2] or meta[3] or limits.maxMemoryInFlightMb then return 1 end
  return math.min(max - taken, cost > 0 and math.max(1, math.floor(quantum / cost)) or max)
end

-- Leases a job that is in `active` to the worker. `facts`: of it. Returns whether it is a run. When it was taken says also
-- that it was: BullMQ's count of attempts and name of the worker are left out, which are as much again.
local function lease(org, queue, id, facts)
  local job = queue .. id
  call('PSETEX', job .. ':lock', leaseMs, token)
  local isFirst = call('HSET', job, 'processedOn', nowText) == 1
  if facts[1] ~= 'run' or not facts[2] or facts[3] or facts[4] or facts[5] then
    strangers[#strangers + 1], strangers[#strangers + 2] = org, id
    return false
  end
  local n = #runs
  runs[n + 1], runs[n + 2], runs[n + 3] = id, facts[2], isFirst and 0 or 1
  return true
end

-- Whether the first of the line is all that waits.
local isElsewhere
local function isAlone()
  if #line + inAll - offered > 1 then return false end
  if isElsewhere == nil then isElsewhere = call('EXISTS', ELSEWHERE) == 1 end
  return not isElsewhere
end

-- Takes of the organization at `at`. Returns what that costs, or nil and why it is to be left out, until when.
local function take(at)
  local org = orgs[at]
  if full[org] then return nil, leave.limit, now + passMs end
  local queue, limits = queueOf(org), limitsOf(org)
  local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency', 'max', 'duration', AVERAGE_COST)
  local why, untilMs = barred(org, queue, meta)
  if why then return nil, why, untilMs end
  local cost = costOf(meta[5])
  local ids, score = nextIds(queue, burstOf(cost, meta, limits))
  if not ids then
    if promote(queue, now) then return take(at) end
    local nextMs = nextDelayed(queue)
    return nil, nextMs and leave.later or leave.idle, nextMs
  end
  -- Alone it takes nothing from anybody, and pays what it used when the run ends.
  local isFree, leased, head, spent = isAlone(), 0, #runs, 0
  runs[head + 1], runs[head + 2], runs[head + 3] = org, isFree and '0' or meta[5] or ARGV[8], 0
  for _, id in ipairs(ids) do
    local facts = call('HMGET', queue .. id, 'name', 'data', 'parentKey', 'deid', 'rjk')
    local limitMb = limits.maxMemoryInFlightMb
    if limitMb and facts[2] and not reserve(org, limitMb, tonumber(string.match(facts[2], '"memoryMb":(%d+)') or '0')) then
      putBack(queue, id, score)
      return nil, leave.room
    end
    if meta[3] and call('INCR', queue .. 'limiter') == 1 then call('PEXPIRE', queue .. 'limiter', math.floor(tonumber(meta[4]))) end
    taken = taken + 1
    if lease(org, queue, id, facts) then leased, spent = leased + 1, isFree and 0 or spent + cost end
  end
  runs[head + 3] = leased
  return spent / (limits.weight or 1), call('EXISTS', queue .. 'wait', queue .. 'prioritized') == 0 and leave.idle
end

while taken < max and looks < MAX_LOOKS do
  letIn()
  local at = line[1]
  if not at then break end
  looks = looks + 1
  -- Who is alone moves the clock by what it uses.
  if not isAlone() then reached = math.max(reached or times[at], times[at]) end
  local step, why, untilMs = take(at)
  if step then
    changed[at] = true
    times[at] = times[at] + step
  end
  if why then
    stays[at], changed[at] = false, true
    line[1] = line[#line]
    line[#line] = nil
    if why == leave.limit then call('ZADD', PARKED, 'GT', untilMs, orgs[at]) end
    if why == leave.room then call('ZADD', PARKED, UNTIL_ROOM, orgs[at]) end
    if untilMs then call('ZADD', LATER, 'LT', untilMs, orgs[at]) end
  end
  sink()
end

local raised, emptied, kept = {}, {}, {}
for at in pairs(changed) do
  if stays[at] then
    raised[#raised + 1], raised[#raised + 2] = exact(times[at]), orgs[at]
  else
    emptied[#emptied + 1] = orgs[at]
    kept[#kept + 1], kept[#kept + 2] = orgs[at], exact(times[at])
  end
end
if raised[1] then call('ZADD', READY, unpack(raised)) end
if emptied[1] then
  call('ZREM', READY, unpack(emptied))
  call('HSET', VTIME, unpack(kept))
end
if reached then advanceClock(reached) end
if max > 0 then
  -- Where some are left, the next blocked worker is woken.
  if call('ZCARD', READY) > 0 then call('ZADD', WAKE, '0', 'ready') else call('DEL', WAKE) end
end
return { lost, runs, strangers, headOfLater() or false }
