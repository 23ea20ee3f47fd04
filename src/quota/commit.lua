-- KEYS: used, held, done · ARGV: request, forget time of the window, ms to remember the charge
-- Answers {used, pending}.
local request, now = ARGV[1], now_ms()
drop_past(KEYS[2], now)
drop_past(KEYS[3], now)
if not (runs(KEYS[3], 'c:' .. request, now) or runs(KEYS[3], 'r:' .. request, now)) then
  redis.call('ZREM', KEYS[2], request)
  redis.call('INCR', KEYS[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
  remember(KEYS[3], 'c:' .. request, now, tonumber(ARGV[3]))
end
return { used_in(KEYS[1]), redis.call('ZCARD', KEYS[2]) }
