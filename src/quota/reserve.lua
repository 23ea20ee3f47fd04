-- ARGV: the claim as JSON {request, lease, keep, concurrency, holds [{counts [{id, ends, forget} twice], limit, amount,
-- needs, per_turn, overdraft}], turn {session, prompt, requests, ms, tokens}}
-- Answers {admitted 0|1, refused by (hold from 0, -1 nobody, -2 concurrency), then per hold: window 0|1, used,
-- pending, extra, amount}.
local claim = cjson.decode(ARGV[1])
local request, holds, none = claim.request, claim.holds, cjson.null
drop_ended()

local function answer(admitted, refused_by, parts)
  local all = { admitted, refused_by }
  for _, part in ipairs(parts) do
    for index = 1, 5 do all[#all + 1] = part[index] end
  end
  return all
end

local function count_of(hold, window)
  return hold.counts[window + 1].id
end

local record = known(request)
if record and record.s ~= 'released' then
  local parts = {}
  for index, hold in ipairs(holds) do
    local window, amount = NOW >= hold.counts[1].ends and 1 or 0, 0
    for _, charge in ipairs(record.c) do
      for which = 0, 1 do
        if charge[1] == count_of(hold, which) then window, amount = which, charge[2] end
      end
    end
    local count = count_of(hold, window)
    local used, pending, extra = tally_of(count)
    parts[index] = { window, used, pending, extra, amount }
  end
  return answer(1, -1, parts)
end

-- The open turn that the request belongs to.
local turn, open = claim.turn, nil
if turn ~= none then
  open = read('t:' .. turn.session)
  local opener = open and known(open.opener)
  local full = open and (open.requests >= turn.requests or NOW - open.opened >= turn.ms or open.tokens >= turn.tokens)
  local other = open and turn.prompt ~= none and turn.prompt ~= open.prompt
  if not opener or opener.s == 'released' or full or other then open = nil end
end

local parts, refused_by = {}, -1
for index, hold in ipairs(holds) do
  local window = NOW >= hold.counts[1].ends and 1 or 0
  local count = count_of(hold, window)
  local used, pending, extra = tally_of(count)
  local amount = (hold.per_turn and open) and 0 or hold.amount
  parts[index] = { window, used, pending, extra, amount }
  if hold.limit ~= none and amount > 0 and refused_by == -1 then
    local limit = hold.limit + extra + (open and hold.overdraft or 0)
    if used + pending + hold.needs > limit then refused_by = index - 1 end
  end
end
if claim.concurrency ~= none and call('ZCARD', LEASES) >= claim.concurrency then refused_by = -2 end
if refused_by ~= -1 then return answer(0, refused_by, parts) end

local charges = {}
for index, hold in ipairs(holds) do
  local part = parts[index]
  local chosen = hold.counts[part[1] + 1]
  charges[index] = { chosen.id, part[5] }
  if part[5] > 0 then
    call('ZADD', ENDS, integer(chosen.forget), 'p:' .. chosen.id)
    keep_key(ENDS, chosen.forget)
    keep_key(FACTS, chosen.forget)
    if claim.lease > 0 then part[3] = part[3] + part[5] end
    add('p:' .. chosen.id, part[5])
  end
end
write('r:' .. request, cjson.encode({ s = 'held', c = charges, k = 0 }), NOW + claim.keep)
call('ZADD', LEASES, integer(NOW + claim.lease), request)
keep_key(LEASES, NOW + claim.keep)
if turn ~= none then
  if open then
    open.requests = open.requests + 1
  else
    open = { opener = request, prompt = turn.prompt, opened = NOW, requests = 1, tokens = 0 }
  end
  write('t:' .. turn.session, cjson.encode(open), NOW + claim.keep)
end
return answer(1, -1, parts)
