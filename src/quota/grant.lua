-- ARGV: JSON {request, keep, counts [{id, ends, forget} twice], extra}. Answers what is given beyond the limit now.
local grant = cjson.decode(ARGV[1])
local count = grant.counts[NOW >= grant.counts[1].ends and 2 or 1]
local field = 'x:' .. count.id
if not known(grant.request) then
  write(field, integer(math.max(0, number_in(field) + grant.extra)), count.forget)
  write('r:' .. grant.request, cjson.encode({ s = 'charged', c = {}, k = 0 }), NOW + grant.keep)
end
return number_in(field)
