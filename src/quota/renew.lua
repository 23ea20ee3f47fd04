-- ARGV: request, lease in ms, ms to keep. Answers 1 where something was leased.
if not lease_of(ARGV[1]) then return 0 end
call('ZADD', LEASES, integer(NOW + tonumber(ARGV[2])), ARGV[1])
local record = call('HGET', FACTS, 'r:' .. ARGV[1])
if record then write('r:' .. ARGV[1], record, NOW + tonumber(ARGV[3])) end
keep_key(LEASES, NOW + tonumber(ARGV[3]))
return 1
