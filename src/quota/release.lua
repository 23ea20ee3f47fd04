-- ARGV: the entry as JSON, as in commit. Answers what is used of each charge's count.
local entry = cjson.decode(ARGV[1])
local request = entry.request
drop_ended()
local record = known(request)
if record then
  local prefix = record.s == 'held' and 'p:' or 'u:'
  for _, charge in ipairs(record.c) do
    -- Where the count is already forgotten there is nothing to give back.
    local field = prefix .. charge[1]
    add(field, -math.min(charge[2], number_in(field)))
  end
end
call('ZREM', LEASES, request)
write('r:' .. request, cjson.encode({ s = 'released', c = {}, k = 0 }), NOW + entry.keep)
return used_of(entry.charges)
