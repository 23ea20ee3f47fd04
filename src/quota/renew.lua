-- KEYS: held · ARGV: request, lease in ms
local now = now_ms()
if not runs(KEYS[1], ARGV[1], now) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
return 1
