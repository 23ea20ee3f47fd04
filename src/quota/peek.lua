-- KEYS: used, held of the current window, then of the next · ARGV: end of the current window
-- Answers {window 0|1, used, pending} and writes nothing.
local now = now_ms()
local window = 0
if now >= tonumber(ARGV[1]) then window = 1 end
local pending = redis.call('ZCOUNT', KEYS[window * 2 + 2], '(' .. string.format('%.0f', now), '+inf')
return { window, used_in(KEYS[window * 2 + 1]), pending }
