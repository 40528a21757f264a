-- The rule of bucket.py, for all workers together: by the clock of Redis, in one step.
-- KEYS[1] bucket, KEYS[2] who takes from it
-- ARGV: take | put back | cut, rate, burst seconds, ramps, first, step, wanted, bulk, who
local RAMP, START, RESERVED, DOUBLING, FREE = 60, 0.1, 0.1, 60, 16
local CUT_ONCE, LEAST, WINDOW, LONGEST, ROUNDING = 5, 500, 5, 600, 1e-6
local NAMES = {'level', 'at', 'busy_since', 'cap', 'cap_at', 'seen', 'seen_at', 'seen_rate', 'line'}

local verb, rate, burst, ramps = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local b = {}
local stored = redis.call('HMGET', KEYS[1], unpack(NAMES))
for i, name in ipairs(NAMES) do b[name] = tonumber(stored[i] or '0') end

local function grown(at) return b.cap * 2 ^ math.min((at - b.cap_at) / DOUBLING, 64) end
local function full_rate(at)
  if b.cap == 0 then return rate end
  if rate > 0 then return math.min(grown(at), rate) end
  return grown(at)
end
local function ramped(at)
  if rate == 0 then return math.huge end
  if not ramps then return rate end
  return rate * math.min(1, START + (1 - START) * (at - b.busy_since) / RAMP)
end
local function rate_at(at)
  local found = ramped(at)
  if b.cap > 0 then found = math.min(found, grown(at)) end
  if found == math.huge then return 0 end
  return found
end
local function supplied(since, tokens)
  local r = rate_at(since)
  if b.cap > 0 and r < ramped(since) then
    return since + DOUBLING * math.log(1 + tokens * math.log(2) / (DOUBLING * r)) / math.log(2)
  end
  local full_at = b.busy_since + RAMP
  if not ramps or since >= full_at then return since + tokens / r end
  local steeper = rate * (1 - START) / RAMP
  local by_then = (r + rate) / 2 * (full_at - since)
  if tokens > by_then then return full_at + (tokens - by_then) / rate end
  return since + (math.sqrt(r * r + 2 * steeper * tokens) - r) / steeper
end
local function pass_time()
  if now - b.at > RAMP then
    b.busy_since, b.seen_at, b.line = now, now, now
    b.seen, b.seen_rate, b.level = 0, 0, math.huge
  elseif now > b.at then
    b.level = b.level + rate_at(now) * (now - b.at)
  end
  b.at = math.max(now, b.at)
  if b.cap > 0 and grown(now) >= (rate > 0 and rate or b.cap * FREE) then b.cap = 0 end
  b.level = math.min(b.level, full_rate(now) * burst)
  if now - b.seen_at >= WINDOW then
    b.seen_rate = b.seen / (now - b.seen_at)
    b.seen, b.seen_at = 0, now
  end
end
local function spend(tokens)
  b.level = b.level - tokens
  b.seen = b.seen + tokens
end
local function take(first, step, wanted, bulk)
  pass_time()
  if full_rate(now) == 0 then
    b.seen = b.seen + wanted
    return wanted, 0
  end
  local capacity = full_rate(now) * burst
  local free = b.level - (bulk and RESERVED * capacity or 0)
  local need = math.min(first, capacity * (1 - RESERVED))
  local allowed = 0
  if free + ROUNDING >= need then
    local more = math.floor(math.max(0, free - first + ROUNDING) / step) * step
    allowed = math.min(wanted, first + more)
    spend(allowed)
    free = free - allowed
  end
  if allowed == wanted then return allowed, 0 end
  local till = supplied(now, math.max(0, need - free))
  if bulk then
    b.line = math.min(supplied(math.max(b.line, now), wanted - allowed), now + LONGEST)
    till = math.max(till, b.line)
  end
  return allowed, math.min(till - now, LONGEST)
end
local function cut()
  if b.cap > 0 and now - b.cap_at < CUT_ONCE then return b.cap end
  local used = math.max(b.seen_rate, b.seen / math.max(now - b.seen_at, 1))
  local most = rate_at(now)
  if most > 0 then used = math.min(used, most) end
  b.cap, b.cap_at = math.max(LEAST, used / 2), now
  b.level = math.min(b.level, b.cap * burst)
  return b.cap
end

local first_answer, second_answer
if verb == 'take' then
  first_answer, second_answer =
    take(tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1')
elseif verb == 'put back' then
  pass_time()
  spend(-tonumber(ARGV[7]))
  first_answer, second_answer = 0, 0
else
  first_answer, second_answer = cut(), 0
end
local changes = {}
for _, name in ipairs(NAMES) do
  changes[#changes + 1] = name
  changes[#changes + 1] = string.format('%.17g', b[name])
end
redis.call('HSET', KEYS[1], unpack(changes))
redis.call('EXPIRE', KEYS[1], 900)
redis.call('ZADD', KEYS[2], now, ARGV[9])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - RAMP)
redis.call('EXPIRE', KEYS[2], 900)
local function text(number) return string.format('%.17g', number) end
return {text(first_answer), text(second_answer), redis.call('ZCARD', KEYS[2]), text(now)}
