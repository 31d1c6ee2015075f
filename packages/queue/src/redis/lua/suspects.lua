-- Which of some organizations a sweep must look at one by one; those that have no runs at all are dropped.
-- KEYS: see prelude.lua
-- ARGV: 1 and 2 QUEUE_HEAD, QUEUE_TAIL (bull.lua), 3 now (epoch ms), 4.. organizations
-- Returns of each of them: organization, 1 where it is offered, else 0, MB in flight or '' where it has no memory limit.
-- Not among them is whoever has all that it needs: every active run has its lease; what waits is offered, or is barred until
-- something that offers it; what is delayed is not due.
local now = tonumber(ARGV[3])
local hasMemory = call('EXISTS', MEMORY) == 1

local function hasLeases(queue)
  local locks = call('LRANGE', queue .. 'active', '0', '-1')
  if not locks[1] then return true end
  for i, id in ipairs(locks) do locks[i] = queue .. id .. ':lock' end
  return call('EXISTS', unpack(locks)) == #locks
end

-- Whether one that is not offered should be.
local function isOverlooked(org, queue)
  if call('EXISTS', queue .. 'wait', queue .. 'prioritized') > 0 then
    return parkedUntil(org, now) == 0 and not (hasLimits and limitsOf(org).paused)
  end
  local dueMs = nextDelayed(queue)
  if dueMs then return dueMs <= now end
  forget(org)
  return false
end

local suspects = {}
local offered = ARGV[4] and call('ZMSCORE', READY, unpack(ARGV, 4)) or {}
for i = 4, #ARGV do
  local org = ARGV[i]
  local queue, isOffered = queueOf(org), offered[i - 3]
  local inFlightMb = hasMemory and call('HGET', MEMORY, org)
  if inFlightMb or not hasLeases(queue) or (not isOffered and isOverlooked(org, queue)) then
    local n = #suspects
    suspects[n + 1], suspects[n + 2], suspects[n + 3] = org, isOffered and '1' or '0', inFlightMb or ''
  end
end
return suspects
