-- KEYS: used, held, done · ARGV: request, ms to remember the release
-- Answers {used, pending}.
local request, now = ARGV[1], now_ms()
drop_past(KEYS[2], now)
drop_past(KEYS[3], now)
redis.call('ZREM', KEYS[2], request)
-- DECR keeps the key's expiry; where the count is already forgotten there is nothing to give back.
if redis.call('ZREM', KEYS[3], 'c:' .. request) == 1 and used_in(KEYS[1]) > 0 then redis.call('DECR', KEYS[1]) end
remember(KEYS[3], 'r:' .. request, now, tonumber(ARGV[2]))
return { used_in(KEYS[1]), redis.call('ZCARD', KEYS[2]) }
