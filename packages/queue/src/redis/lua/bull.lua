-- Goes before the scripts that move runs, after prelude.lua. It knows the layout of a BullMQ 6 queue, as far as a run needs it:
-- jobs that are waiting, prioritized, delayed or active; test/conformance/bull-layout.test.ts holds it against BullMQ itself.
--   QUEUE_HEAD .. organization .. QUEUE_TAIL is what the keys of its queue begin with: `wait`, `active`, `prioritized`,
--   `pc` (counts what was prioritized), `delayed` (score: epoch ms x 4096 + n), `meta`, `limiter` (runs started in the open rate
--   window), and each job under its id, its lease under `<id>:lock`. BullMQ's stream of events is left out: four entries per run
--   are a third of all that a run costs the server, and who wants to hear of runs has the live bus.

local PRIORITY_STEP = 4294967296
local DELAY_STEP = 4096

local function queueOf(org)
  return QUEUE_HEAD .. org .. QUEUE_TAIL
end

local function prioritize(queue, id, priority)
  local count = call('INCR', queue .. 'pc')
  call('ZADD', queue .. 'prioritized', exact(priority * PRIORITY_STEP + count % PRIORITY_STEP), id)
end

-- Epoch ms of the first delayed run; nil where there is none.
local function nextDelayed(queue)
  local score = call('ZRANGE', queue .. 'delayed', '0', '0', 'WITHSCORES')[2]
  return score and math.floor(tonumber(score) / DELAY_STEP)
end

-- Delayed runs whose time has come wait from now on. Returns whether there were any.
local function promote(queue, now)
  local due = call('ZRANGEBYSCORE', queue .. 'delayed', 0, exact((now + 1) * DELAY_STEP - 1), 'LIMIT', '0', '1000')
  for _, id in ipairs(due) do
    call('ZREM', queue .. 'delayed', id)
    local priority = tonumber(call('HGET', queue .. id, 'priority') or '0')
    if priority > 0 then prioritize(queue, id, priority) else call('LPUSH', queue .. 'wait', id) end
    call('HSET', queue .. id, 'delay', '0')
  end
  return #due > 0
end

-- Drops an organization that has no runs, and is not and will not be offered; its limits stay. Returns whether it did.
local function forget(org)
  local queue = queueOf(org)
  if call('EXISTS', queue .. 'wait', queue .. 'prioritized', queue .. 'delayed', queue .. 'active') > 0 then return false end
  for _, set in ipairs({ READY, LATER, PARKED }) do
    if call('ZSCORE', set, org) then return false end
  end
  call('HDEL', KNOWN, org)
  call('HDEL', VTIME, org)
  if call('HEXISTS', MEMORY, org) == 1 then call('HSET', MEMORY, org, '0') end
  return true
end
