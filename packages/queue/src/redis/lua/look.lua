-- What a turn that spans shards must know of this one.
-- KEYS: see prelude.lua
-- ARGV: 1 now (epoch ms), 2 how many at most
-- Returns { virtual times of the first of `ready`; how many are in it; how many of `later` are due; dispatch's own
-- virtual time; the line elsewhere or false; epoch ms of the head of `later` or false }.
local times, head = {}, call('ZRANGE', READY, '0', tonumber(ARGV[2]) - 1, 'WITHSCORES')
for i = 2, #head, 2 do times[#times + 1] = head[i] end
return {
  times, call('ZCARD', READY), call('ZCOUNT', LATER, '-inf', ARGV[1]), call('GET', CLOCK) or '0', call('GET', ELSEWHERE),
  headOfLater() or false,
}
