-- ARGV: the entry as JSON {request, charges [{count, amount}], forget [time per charge], session, tokens, running, keep}
-- Answers what is used of each charge's count.
local entry = cjson.decode(ARGV[1])
local request, charges = entry.request, entry.charges
drop_ended()
local record = known(request)
if record and record.s == 'released' then return used_of(charges) end

local before = record and record.c or {}
for _, charge in ipairs(before) do
  add((record.s == 'held' and 'p:' or 'u:') .. charge[1], -charge[2])
end
for index, charge in ipairs(charges) do
  add('u:' .. charge[1], charge[2])
  call('ZADD', ENDS, integer(entry.forget[index]), 'u:' .. charge[1])
  keep_key(FACTS, entry.forget[index])
  keep_key(ENDS, entry.forget[index])
end
write('r:' .. request, cjson.encode({ s = 'charged', c = charges, k = entry.tokens }), NOW + entry.keep)
if not entry.running then call('ZREM', LEASES, request) end
local more = entry.tokens - (record and record.k or 0)
if entry.session ~= cjson.null and more ~= 0 then
  local turn = read('t:' .. entry.session)
  if turn then
    turn.tokens = turn.tokens + more
    write('t:' .. entry.session, cjson.encode(turn), NOW + entry.keep)
  end
end
return used_of(charges)
