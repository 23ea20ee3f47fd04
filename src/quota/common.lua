-- Put in front of every step. A subject has three keys of one slot:
-- `facts`, a hash: `u:<count>` what is used of a count, `p:<count>` what is held of it, `x:<count>` what was given beyond
-- its limit, `r:<request>` a request and `t:<session>` a turn, both as JSON; `leases`, a sorted set of requests by the end of their lease; `ends`, a sorted
-- set of fields of `facts` by the time from which nobody needs them.
local FACTS, LEASES, ENDS = KEYS[1], KEYS[2], KEYS[3]
local call = redis.call
local time = call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function integer(number)
  return string.format('%.0f', number)
end

local function read(field)
  local text = call('HGET', FACTS, field)
  return text and cjson.decode(text) or nil
end

local function number_in(field)
  return tonumber(call('HGET', FACTS, field) or '0')
end

-- What is used and held of a count, and given beyond its limit.
local function tally_of(count)
  return number_in('u:' .. count), number_in('p:' .. count), number_in('x:' .. count)
end

local function add(field, number)
  if number ~= 0 then call('HINCRBY', FACTS, field, integer(number)) end
end

-- Keys live as long as the last of what is in them.
local function keep_key(key, ends)
  if call('PTTL', key) < ends - NOW then call('PEXPIREAT', key, integer(ends)) end
end

local function write(field, value, ends)
  call('HSET', FACTS, field, value)
  call('ZADD', ENDS, integer(ends), field)
  keep_key(FACTS, ends)
  keep_key(ENDS, ends)
end

local function lease_of(request)
  local ends = call('ZSCORE', LEASES, request)
  return ends and tonumber(ends) > NOW and tonumber(ends) or nil
end

-- A request that is known: {s = held, charged or released, c = its charges {count, amount}, k = tokens}.
local function known(request)
  local record = read('r:' .. request)
  if record and record.s == 'held' and not lease_of(request) then return nil end
  return record
end

-- What is held of a count, less what has ended and was not taken away yet.
local function ended_leases()
  return call('ZRANGEBYSCORE', LEASES, '-inf', NOW)
end

local function drop_ended()
  for _, request in ipairs(ended_leases()) do
    local record = read('r:' .. request)
    if record and record.s == 'held' then
      for _, charge in ipairs(record.c) do add('p:' .. charge[1], -charge[2]) end
      call('HDEL', FACTS, 'r:' .. request)
      call('ZREM', ENDS, 'r:' .. request)
    end
    call('ZREM', LEASES, request)
  end
  local void = call('ZRANGEBYSCORE', ENDS, '-inf', NOW, 'LIMIT', 0, 50)
  if #void > 0 then
    call('HDEL', FACTS, unpack(void))
    call('ZREM', ENDS, unpack(void))
  end
end

local function used_of(charges)
  local answer = {}
  for index, charge in ipairs(charges) do answer[index] = number_in('u:' .. charge[1]) end
  return answer
end
