-- What a claim that spans shards must know of this one, after promoting those whose time in `later` has come.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2 how many at most
-- Returns { virtual times of the first of `ready`; how many are in it; how many are claimed; the lowest virtual time of
-- these or false; dispatch's own virtual time; the line elsewhere or false; epoch ms of the head of `later` or false }.
-- Atomic.
local now = tonumber(ARGV[1])
promote(now)
local times, head = {}, redis.call('ZRANGE', READY, 0, tonumber(ARGV[2]) - 1, 'WITHSCORES')
for i = 2, #head, 2 do times[#times + 1] = head[i] end
return {
  times, redis.call('ZCARD', READY), redis.call('ZCARD', CLAIMED), redis.call('ZRANGE', CLAIMED, 0, 0, 'WITHSCORES')[2] or false,
  redis.call('GET', CLOCK) or '0', redis.call('GET', ELSEWHERE), redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2] or false,
}
