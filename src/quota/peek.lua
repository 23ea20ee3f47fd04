-- ARGV: JSON [{id, ends, id of the next}]. Answers per count {window 0|1, used, pending, extra} and writes nothing.
local ended = {}
for _, request in ipairs(ended_leases()) do
  local record = read('r:' .. request)
  if record and record.s == 'held' then
    for _, charge in ipairs(record.c) do ended[charge[1]] = (ended[charge[1]] or 0) + charge[2] end
  end
end
local answer = {}
for _, count in ipairs(cjson.decode(ARGV[1])) do
  local window = NOW >= count[2] and 1 or 0
  local id = count[window == 0 and 1 or 3]
  answer[#answer + 1] = window
  local used, pending, extra = tally_of(id)
  answer[#answer + 1] = used
  answer[#answer + 1] = pending - (ended[id] or 0)
  answer[#answer + 1] = extra
end
return answer
