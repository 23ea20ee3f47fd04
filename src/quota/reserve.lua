-- KEYS: used, held, done of the current window, then of the next
-- ARGV: request, limit (-1: none), lease in ms, end of the current window, forget times of both windows
-- Answers {admitted 0|1, window 0|1, used, pending}.
local request, limit, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()

for window = 0, 1 do
  local held, done = KEYS[window * 3 + 2], KEYS[window * 3 + 3]
  drop_past(held, now)
  if runs(held, request, now) or runs(done, 'c:' .. request, now) then
    return { 1, window, used_in(KEYS[window * 3 + 1]), redis.call('ZCARD', held) }
  end
end

local window = 0
if now >= tonumber(ARGV[4]) then window = 1 end
local used_key, held, done = KEYS[window * 3 + 1], KEYS[window * 3 + 2], KEYS[window * 3 + 3]
local used, pending = used_in(used_key), redis.call('ZCARD', held)
if limit >= 0 and used + pending >= limit then return { 0, window, used, pending } end

drop_past(done, now)
redis.call('ZREM', done, 'r:' .. request)
redis.call('ZADD', held, now + lease, request)
redis.call('PEXPIREAT', held, ARGV[5 + window])
return { 1, window, used, redis.call('ZCOUNT', held, '(' .. string.format('%.0f', now), '+inf') }
