-- Put in front of every step. Three keys a window: `used` counts charged requests, `held` maps a request to the end of
-- its lease, `done` maps `c:` or `r:` (charged, released) and a request to the time until which that is remembered.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function runs(key, member, now)
  local ends = redis.call('ZSCORE', key, member)
  return ends ~= false and tonumber(ends) > now
end

local function used_in(key)
  return tonumber(redis.call('GET', key) or '0')
end

local function drop_past(key, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
end

local function remember(key, member, now, keep)
  redis.call('ZADD', key, now + keep, member)
  redis.call('PEXPIRE', key, keep)
end
