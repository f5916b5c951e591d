// Made by scripts/embed-lua.mjs of lua/*.lua: what is changed here is lost.
/* oxlint-disable max-lines */
import type { Script } from "./port.ts";

/** @internal */
export const deduplicationScript: Script = {
  name: "deduplication",
  sha1: "93333ff82430bbffde05d4b1040840b82f406988",
  source: `-- Whether one event had its effect: a key that is a claim for a while, and then a mark.
--
-- KEYS[1] "c<id>": who has it is at work; "d<id>": who had it is done; not there: nobody is, and it had no effect yet
-- ARGV    operation, id of the call, and then
--   claim   lease, retention, time of the event or ""
--           -> "claimed", token; "busy", what is left of its lease; "done"; "expired". A token is larger than those before it
--   renew   lease             -> 1, or 0 if it is another's
--   done    retention, time   -> 1, or 0 if another has, or had, it too
--   release                   -> 1
-- All times in milliseconds, by this server's clock; the token goes by microseconds.
local operation, id = ARGV[1], ARGV[2]
local value = redis.call("GET", KEYS[1])
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if operation == "claim" then
  local at = tonumber(ARGV[5])
  if at and at < now - tonumber(ARGV[4]) then
    return { "expired" }
  end
  if value and value:sub(1, 1) == "d" then
    return { "done" }
  end
  if value and value ~= "c" .. id then
    return { "busy", redis.call("PTTL", KEYS[1]) }
  end
  redis.call("SET", KEYS[1], "c" .. id, "PX", ARGV[3])
  return { "claimed", string.format("%.0f", time[1] * 1000000 + time[2]) }
end

local isOurs = not value or value == "c" .. id
if operation == "renew" then
  if isOurs then
    redis.call("SET", KEYS[1], "c" .. id, "PX", ARGV[3])
  end
  return isOurs and 1 or 0
end

if operation == "done" then
  if value == "d" .. id then
    return 1
  end
  -- The effect is there, whoever else is at it: from now on they are duplicates.
  local at = tonumber(ARGV[4]) or now
  redis.call("SET", KEYS[1], "d" .. id, "PX", string.format("%.0f", math.max(now, at) - now + tonumber(ARGV[3])))
  return isOurs and 1 or 0
end

if value == "c" .. id then
  redis.call("DEL", KEYS[1])
end
return 1
`,
};

/** @internal */
export const quotaScript: Script = {
  name: "quota",
  sha1: "deb6f4188ca80e63c422718e50799e1c7063a01d",
  source: `-- GCRA in its form as a leaky bucket that is a meter, for several limits that a call needs all of. Whole numbers only: a
-- unit fills \`fill\`, a microsecond drains \`drain\`. What goes later has its place now: the state is that of the moment
-- when the last one goes, which may be in the future.
--
-- KEYS[1] a string of doubles: when it was written, the moment it is of, until when all pause; for each limit level, drain
-- ARGV    operation, count of limits, for each of them fill, drain, burst, the highest level there can be; and then
--   take   units to take besides if they may go now; those who ask, in their order, alike ones together: how many,
--          weight of each, longest wait (-1: any)
--          -> now, the moment the levels are of, until when all pause, the levels before, units taken besides; for all
--             who are alike how many of them go, and of the next 0 (there is none), -wait (goes then; nobody after it
--             was looked at), or wait (it and those like it would go then; took nothing)
--   refund weight, when it was taken, the levels after that
--   pause  for how long
-- All times in microseconds, by this server's clock.
local count = tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local at, paused, known = now, 0, 0
local changed = false

local stored = redis.call("GET", KEYS[1])
if stored then
  if #stored < 40 or #stored % 16 ~= 8 then
    return redis.error_reply("WRONGTYPE the key holds no quota of snowshed")
  end
  local written
  written, at, paused = struct.unpack(">ddd", stored)
  known = (#stored - 24) / 16
  if now < written then
    -- The clock was set back, or this is another server. What was in five seconds then is in five seconds now.
    at, paused = at - (written - now), paused - (written - now)
    changed = true
  end
end

local base = math.max(now, at)
local fill, drain, burst, level = {}, {}, {}, {}
for i = 1, count do
  local first = 4 * i - 1
  fill[i], drain[i], burst[i] = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
  level[i] = 0
  if i <= known then
    local before, its = struct.unpack(">dd", stored, 16 * i + 9)
    if its ~= drain[i] then
      -- The limit was changed: what takes as long to drain as before.
      before = math.min(math.ceil(before / its * drain[i]), tonumber(ARGV[first + 3]))
    end
    level[i] = math.max(0, before - (base - at) * drain[i])
  end
end

local function save()
  local last = paused
  local values = { now, base, paused }
  for i = 1, count do
    last = math.max(last, base + math.ceil(level[i] / drain[i]))
    values[#values + 1] = level[i]
    values[#values + 1] = drain[i]
  end
  -- A state that has drained says nothing.
  if last <= now then return redis.call("DEL", KEYS[1]) end
  local packed = struct.pack(">" .. string.rep("d", #values), unpack(values))
  redis.call("SET", KEYS[1], packed, "PX", math.ceil((last - now) / 1000) + 1)
end

local first = 4 * count + 3
if ARGV[1] == "pause" then
  paused = math.max(paused, now + tonumber(ARGV[first]))
  save()
  return paused
end

if ARGV[1] == "refund" then
  local weight, taken = tonumber(ARGV[first]), tonumber(ARGV[first + 1])
  local possible = base > now
  for i = 1, count do
    -- What came first drains first. What has drained cannot be given back: others have gone since as if it were used.
    local left = tonumber(ARGV[first + 1 + i]) - (base - taken) * drain[i]
    level[i] = math.max(0, level[i] - math.max(0, math.min(left, weight * fill[i])))
    if level[i] + (base - now) * drain[i] > 9007199254740991 then possible = false end
  end
  if possible then
    -- It may have been what the moment in the future was for: the same state, seen from now.
    for i = 1, count do level[i] = level[i] + (base - now) * drain[i] end
    base = now
  end
  save()
  return 1
end

local besides = tonumber(ARGV[first])
local reply = { now, base, paused }
for i = 1, count do reply[3 + i] = level[i] end
local place = 4 + count
reply[place] = 0

local allGo = true
for item = first + 1, #ARGV, 3 do
  local alike, weight, longest = tonumber(ARGV[item]), tonumber(ARGV[item + 1]), tonumber(ARGV[item + 2])
  local go = alike
  if base > now or paused > now then go = 0 end
  for i = 1, count do
    local room = (burst[i] - math.min(weight, burst[i])) * fill[i] - level[i]
    go = room < 0 and 0 or math.min(go, math.floor(room / (weight * fill[i])) + 1)
  end
  if go > 0 then
    changed = true
    for i = 1, count do level[i] = level[i] + go * weight * fill[i] end
  end
  local wait = 0
  if go < alike then
    allGo = false
    wait = math.max(base, paused) - now
    for i = 1, count do
      local excess = level[i] - (burst[i] - math.min(weight, burst[i])) * fill[i]
      if excess > 0 then wait = math.max(wait, base - now + math.ceil(excess / drain[i])) end
    end
    if longest < 0 or wait <= longest then
      changed = true
      local goes = now + wait
      for i = 1, count do
        level[i] = math.max(0, level[i] - (goes - base) * drain[i]) + weight * fill[i]
      end
      base = goes
      wait = -wait
    end
  end
  reply[#reply + 1] = go
  reply[#reply + 1] = wait
  if wait < 0 then break end
end

if allGo and besides > 0 and base == now and paused <= now then
  for i = 1, count do
    besides = math.min(besides, math.floor((burst[i] * fill[i] - level[i]) / fill[i]))
  end
  if besides > 0 then
    changed = true
    for i = 1, count do level[i] = level[i] + besides * fill[i] end
    reply[place] = besides
  end
end

if changed then save() end
return reply
`,
};

/** @internal */
export const semaphoreScript: Script = {
  name: "semaphore",
  sha1: "61a9bc850f9a4123cefb334cbec859a2b82f05d8",
  source: `-- All that changes a semaphore: one script, so that each change is one atomic step.
--
-- KEYS[1] state    nine numbers, the map of the slots ("1": taken), and for each holder a line
--                  \\n<id> <expiry, ms> <slots> <token> <weight> <lease, ms> <hand-over> <owner>
-- KEYS[2] queue    sorted by ticket: <id> <weight> <lease> <hand-over> <owner>
--                  hand-over: "h" and how many tokens are kept for it, or "-"
-- KEYS[3] alive    of each process that has waiters: until when it counts as alive, ms
--
-- Times are those of the server. The first 12 characters of an id name its process. What concerns a process is told to
-- it as lines of text: in the reply if it is the one that calls, else on the channel that <publish> ("PUBLISH <beginning of it>") ends with it.
--   g <id> <slots> <token> <expiry> <term>   granted, for \`term\` ms
--   l <id>   no longer held        x <id>   not known any more        f <id> <permits>   weighs more than there are
--   w        somebody of another process waits
--
-- a, t   <id> <rest of the line> <weight> <lease> <permits> <version> <publish> <spare tokens>   acquire, or only try to
-- r, k   <id> <rest of the line> <process> <publish>                                 release or cancel; k: of another one
-- b, p   <process> <lease> <permits> <version> <publish> <count> <ids of holders ...> <lines of waiters ...>
--                                                                  renew and repair; p: only renew, and see what is due
-- c      <process> <permits> <version> <publish>                                                              resize
local call, find, sub, match = redis.call, string.find, string.sub, string.match
local format, known, keep, claim = '<ddddddddd', 20261123, 172800000, 2000
local op, id = ARGV[1], ARGV[2]
local state = call('GET', KEYS[1])
local magic, permits, version, used, queued, fence, nextExpiry, kept, mapped
if state then
  if #state >= 72 then
    magic, permits, version, used, queued, fence, nextExpiry, kept, mapped = struct.unpack(format, state)
  end
  if magic ~= known then return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' holds something that is no semaphore') end
  -- The two usual cases, with as few commands and strings as can be. All they do the part below does, too.
  if queued == 0 then
    if op == 'r' then
      local holder = '\\n' .. id .. ' '
      local from = find(state, holder, 73 + mapped, true)
      if not from then return 0 end
      local slots, weight = match(state, '^%d+ (%S+) %d+ (%d+)', from + #holder)
      local after = find(state, '\\n', from + 1, true) or #state + 1
      local tail = ''
      used = used - weight
      if used == 0 then
        mapped, nextExpiry = 0, math.huge
      elseif weight == '1' then
        tail = sub(state, 73, 72 + slots) .. '0' .. sub(state, 74 + slots, from - 1) .. sub(state, after)
      else
        tail = nil
      end
      if tail then
        tail = struct.pack(format, magic, permits, version, used, 0, fence, nextExpiry, kept, mapped) .. tail
        if redis.pcall('SET', KEYS[1], tail, 'KEEPTTL').err then
          -- Out of memory: what frees some is refused, too, unless the script has written before.
          call('PEXPIRE', KEYS[1], keep)
          call('SET', KEYS[1], tail, 'KEEPTTL')
        end
        return 1
      end
      used = used + weight
    elseif (op == 'a' or op == 't') and used < permits and ARGV[4] == '1' and version == tonumber(ARGV[7])
      and permits == tonumber(ARGV[6]) then
      local holder = '\\n' .. id .. ' '
      local time = call('TIME')
      local us = time[1] * 1000000 + time[2]
      local now = (us - us % 1000) / 1000
      if kept - now > keep / 2 and not find(state, holder, 73 + mapped, true) then
        local at = find(state, '0', 73, true)
        local after
        if at and at < 73 + mapped then
          after = at + 1
        else
          at = 73 + mapped
          after = at
          mapped = mapped + 1
        end
        fence = us > fence and us or fence + 1
        local expiry = now + ARGV[5]
        if expiry < nextExpiry then nextExpiry = expiry end
        local granted = (at - 73) .. ' ' .. string.format('%.0f', fence)
        fence = fence + ARGV[9]
        state = struct.pack(format, magic, permits, version, used + 1, 0, fence, nextExpiry, kept, mapped)
          .. sub(state, 73, at - 1) .. '1' .. sub(state, after)
          .. holder .. expiry .. ' ' .. granted .. ' ' .. ARGV[3]
        call('SET', KEYS[1], state, 'KEEPTTL')
        return granted
      end
    end
  end
end

local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = (us - us % 1000) / 1000
local map, records = '', ''
if state then
  map, records = sub(state, 73, 72 + mapped), sub(state, 73 + mapped)
else
  -- Never used, or forgotten: expired, flushed, lost in a failover. The queue may be there still.
  permits, version, used, fence, nextExpiry, kept, mapped = -1, -1, 0, 0, math.huge, 0, 0
  queued = call('ZCARD', KEYS[2])
end

local process, publish, givenPermits, givenVersion
if op == 'a' or op == 't' then
  process, givenPermits, givenVersion, publish = sub(id, 1, 12), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
elseif op == 'r' or op == 'k' then
  process, publish = ARGV[4], ARGV[5]
  -- Nothing is held; who waits is not waited for any more.
  if not state then return call('ZREM', KEYS[2], id .. ' ' .. ARGV[3]) end
elseif op == 'c' then
  process, givenPermits, givenVersion, publish = id, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
  givenVersion = math.max(version, givenVersion) + 1
else
  process, givenPermits, givenVersion, publish = id, tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
end
if givenVersion and givenVersion > version then permits, version = givenPermits, givenVersion end

local own, others = {}, {}
local function tell(whom, line)
  if whom == process then
    own[#own + 1] = line
  else
    others[whom] = others[whom] and others[whom] .. '\\n' .. line or line
  end
end

local function free(slots, weight)
  used = used - weight
  if weight == '1' then
    map = sub(map, 1, slots) .. '0' .. sub(map, slots + 2)
    return
  end
  local parts, last = {}, 1
  for slot in string.gmatch(slots, '%d+') do
    parts[#parts + 1] = sub(map, last, slot)
    last = slot + 2
  end
  parts[#parts + 1] = sub(map, last)
  map = table.concat(parts, '0')
end

local function grant(holder, rest, weight, expiry, spare)
  local slots
  if weight == 1 then
    slots = (find(map, '0', 1, true) or #map + 1) - 1
    map = sub(map, 1, slots) .. '1' .. sub(map, slots + 2)
  else
    local parts, last = {}, 1
    slots = {}
    for each = 1, weight do
      local at = find(map, '0', last, true) or math.max(#map + 1, last)
      parts[each] = sub(map, last, at - 1)
      slots[each] = at - 1
      last = at + 1
    end
    parts[weight + 1] = sub(map, last)
    map = table.concat(parts, '1')
    slots = table.concat(slots, ',')
  end
  used = used + weight
  fence = us > fence and us or fence + 1
  local granted = slots .. ' ' .. string.format('%.0f', fence)
  fence = fence + spare
  if expiry < nextExpiry then nextExpiry = expiry end
  records = records .. '\\n' .. holder .. ' ' .. expiry .. ' ' .. granted .. ' ' .. rest
  return granted
end

local function cut(holder)
  local from = find(records, '\\n' .. holder .. ' ', 1, true)
  if not from then return false end
  local slots, weight = match(records, '^%d+ (%S+) %d+ (%d+)', from + #holder + 2)
  local after = find(records, '\\n', from + 1, true) or #records + 1
  records = sub(records, 1, from - 1) .. sub(records, after)
  free(slots, weight)
  return true
end

-- Until \`now + lease\` from now on. Returns its slots and token, or nothing if it has ended.
local function renew(holder, lease)
  local from = find(records, '\\n' .. holder .. ' ', 1, true)
  if not from then return nil end
  from = from + #holder + 2
  local expiry, granted = match(records, '^(%d+) (%S+ %d+)', from)
  if tonumber(expiry) <= now then return nil end
  records = sub(records, 1, from - 1) .. (now + lease) .. sub(records, from + #expiry)
  if now + lease < nextExpiry then nextExpiry = now + lease end
  return granted
end

-- Ends the leases that are over.
local function sweep()
  local live = {}
  nextExpiry = math.huge
  for line in string.gmatch(records, '\\n[^\\n]+') do
    local holder, expiry, slots, weight, lease = match(line, '^\\n(%S+) (%d+) (%S+) %d+ (%d+) (%d+)')
    local ends = tonumber(expiry)
    if ends > now + lease then
      -- The clock was set back: a lease is never longer than it says.
      ends = now + lease
      line = '\\n' .. holder .. ' ' .. ends .. sub(line, #holder + #expiry + 3)
    end
    if ends <= now then
      free(slots, weight)
      tell(sub(holder, 1, 12), 'l ' .. holder)
    else
      live[#live + 1] = line
      if ends < nextExpiry then nextExpiry = ends end
    end
  end
  records = table.concat(live)
end

local first = 0
-- Hands what is free to those who wait, in their order.
local function serve()
  local alive = {}
  while queued > 0 do
    local line = call('ZRANGE', KEYS[2], 0, 0)[1]
    if not line then
      queued = 0
      break
    end
    local whom = sub(line, 1, 12)
    if used >= permits then
      -- As mostly: nothing more to find out.
      if whom == process then first = 1 end
      break
    end
    local holder, rest, weight, lease, handOver = match(line, '^(%S+) ((%d+) (%d+) (%S+) .*)$')
    weight = tonumber(weight)
    if not alive[whom] then alive[whom] = tonumber(call('HGET', KEYS[3], whom) or 0) end
    if alive[whom] <= now and whom ~= process then
      -- Nobody is there to take it.
      call('ZREM', KEYS[2], line)
      queued = queued - 1
      call('HDEL', KEYS[3], whom)
    elseif weight > permits then
      call('ZREM', KEYS[2], line)
      queued = queued - 1
      tell(whom, 'f ' .. holder .. ' ' .. permits)
    elseif used + weight > permits then
      if whom == process then first = 1 end
      break
    else
      call('ZREM', KEYS[2], line)
      queued = queued - 1
      -- Who is told by a message may have died: it gets a short lease, and takes the whole one when it has heard.
      local term = tonumber(lease)
      if whom ~= process and term > claim then term = claim end
      local granted = grant(holder, rest, weight, now + term, tonumber(sub(handOver, 2)) or 0)
      tell(whom, 'g ' .. holder .. ' ' .. granted .. ' ' .. (now + term) .. ' ' .. term)
    end
  end
end

local isDue = now >= nextExpiry or us < fence - 10000000
local reply
if op == 'a' or op == 't' then
  local rest, weight, lease = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  if isDue then sweep() end
  -- Sent twice, because the reply was lost: it is what it was.
  local granted = renew(id, lease)
  local ticket = not granted and queued > 0 and call('ZSCORE', KEYS[2], id .. ' ' .. rest)
  serve()
  if not granted and not ticket and weight <= permits and queued == 0 and used + weight <= permits then
    granted = grant(id, rest, weight, now + lease, tonumber(ARGV[9]))
  end
  if granted then
    reply = 'G ' .. granted
  elseif weight > permits then
    if ticket then queued = queued - call('ZREM', KEYS[2], id .. ' ' .. rest) end
    reply = 'F'
  elseif op == 't' then
    reply = 'N'
  else
    if not ticket then
      fence = us > fence and us or fence + 1
      call('ZADD', KEYS[2], fence, id .. ' ' .. rest)
      if queued == 0 then
        first = 1
        call('PEXPIRE', KEYS[2], keep)
      end
      queued = queued + 1
      -- Who hands over by itself must know that others wait; a second one of the same process is no news.
      if find(records, ' h', 1, true) then
        local before = call('ZRANGE', KEYS[2], -2, -2)[1]
        local told = { [process] = true }
        for holder in string.gmatch(records, '\\n(%S+) %d+ %S+ %d+ %d+ %d+ h%d+ ') do
          local whom = sub(holder, 1, 12)
          if not told[whom] and (queued == 1 or sub(before, 1, 12) ~= process) then tell(whom, 'w') end
          told[whom] = true
        end
      end
    end
    call('HSET', KEYS[3], process, now + lease)
    if queued == 1 then call('PEXPIRE', KEYS[3], keep) end
    reply = 'Q'
  end
elseif op == 'r' or op == 'k' then
  if isDue then sweep() end
  if cut(id) then
    reply = 1
    if op == 'k' then tell(sub(id, 1, 12), 'l ' .. id) end
  elseif queued > 0 and call('ZREM', KEYS[2], id .. ' ' .. ARGV[3]) == 1 then
    queued = queued - 1
    reply = 1
  else
    reply = 0
  end
  serve()
elseif op == 'c' then
  if isDue then sweep() end
  serve()
  reply = 'C'
else
  local lease, count = tonumber(ARGV[3]), tonumber(ARGV[7])
  for each = 8, 7 + count do
    if not renew(ARGV[each], lease) then tell(process, 'l ' .. ARGV[each]) end
  end
  local hasWaiters = #ARGV > 7 + count
  for each = 8 + count, #ARGV do
    local holder = match(ARGV[each], '^%S+')
    local granted = renew(holder, lease)
    if granted then
      tell(process, 'g ' .. holder .. ' ' .. granted .. ' ' .. (now + lease) .. ' ' .. lease)
    elseif not call('ZSCORE', KEYS[2], ARGV[each]) then
      tell(process, 'x ' .. holder)
    end
  end
  if hasWaiters then
    call('HSET', KEYS[3], process, now + lease)
    call('PEXPIRE', KEYS[2], keep)
    call('PEXPIRE', KEYS[3], keep)
  end
  if op == 'b' or isDue then sweep() end
  serve()
  reply = 'B'
end

if used == 0 then
  map, records, nextExpiry = '', '', math.huge
end
if permits >= 0 then
  local isOld = kept - now <= keep / 2
  if isOld then kept = now + keep end
  local text = struct.pack(format, known, permits, version, used, queued, fence, nextExpiry, kept, #map) .. map .. records
  local how = isOld and { 'PX', keep } or { 'KEEPTTL' }
  if op == 'a' or op == 't' then
    call('SET', KEYS[1], text, unpack(how))
  elseif redis.pcall('SET', KEYS[1], text, unpack(how)).err then
    call('PEXPIRE', KEYS[1], keep)
    call('SET', KEYS[1], text, unpack(how))
  end
end
-- A message that cannot be sent is made good by the next beat of whom it is for.
for whom, lines in pairs(others) do
  local command, channel = match(publish, '^(%S+) (.*)$')
  redis.pcall(command, channel .. whom, lines)
end

if type(reply) == 'number' then
  if #own == 0 then return reply end
  reply = 'R ' .. reply
elseif #own == 0 and sub(reply, 1, 1) == 'G' and version == givenVersion and permits == givenPermits then
  return sub(reply, 3)
end
local wait = nextExpiry == math.huge and -1 or math.max(0, nextExpiry - now)
local numbers = string.format('\\n%.0f %d %d %d %.0f %.0f', wait, first, queued, permits, version, now)
if #own == 0 then return reply .. numbers end
return reply .. numbers .. '\\n' .. table.concat(own, '\\n')
`,
};

/** @internal */
export const semaphoreInspectScript: Script = {
  name: "semaphore-inspect",
  sha1: "27153aa4994625a681195f123f426b57432366b6",
  source: `-- What a semaphore is in: its numbers, its holders, those who wait. Changes nothing.
-- KEYS and the state are those of semaphore.lua. Reply: now, permits, version, lines of holders, count of waiters, then
-- line and ticket of each of the first thousand.
local state = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local reply = { time[1] .. string.sub('00000' .. time[2], -6, -4) }
if state then
  local magic, permits, version, _, _, _, _, _, mapped
  if #state >= 72 then magic, permits, version, _, _, _, _, _, mapped = struct.unpack('<ddddddddd', state) end
  if magic ~= 20261123 then
    return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' holds something that is no semaphore')
  end
  reply[2], reply[3] = string.format('%.0f', permits), string.format('%.0f', version)
  reply[4] = string.sub(state, 73 + mapped)
else
  reply[2], reply[3], reply[4] = '-1', '-1', ''
end
reply[5] = string.format('%.0f', redis.call('ZCARD', KEYS[2]))
for _, each in ipairs(redis.call('ZRANGE', KEYS[2], 0, 999, 'WITHSCORES')) do reply[#reply + 1] = each end
return reply
`,
};

/** @internal */
export const windowScript: Script = {
  name: "window",
  sha1: "aff14f3e89a06dd48ba161594d20399a720b23bc",
  source: `-- How many calls there were in each slice of time, and how many of them failed, of all who count here.
--
-- KEYS[1] a hash: number of the slice -> calls, number followed by "f" -> calls that failed
-- ARGV    length of a slice in microseconds, how many slices count, calls, calls that failed
-- -> now in microseconds by this server's clock, then for each slice that counts its number, calls, calls that failed
local length, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local calls, failures = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local current = math.floor(now / length)

if calls > 0 then
  local slice = string.format("%.0f", current)
  redis.call("HINCRBY", KEYS[1], slice, calls)
  if failures > 0 then redis.call("HINCRBY", KEYS[1], slice .. "f", failures) end
  redis.call("PEXPIRE", KEYS[1], math.ceil(length * (count + 1) / 1000))
end

local fields = redis.call("HGETALL", KEYS[1])
local callsOf, failuresOf, over = {}, {}, {}
for i = 1, #fields, 2 do
  local slice, kind = string.match(fields[i], "^(%d+)(f?)$")
  slice = tonumber(slice)
  -- A slice of the future is of a clock that was set back since.
  if slice == nil or slice <= current - count or slice > current then
    over[#over + 1] = fields[i]
  elseif kind == "f" then
    failuresOf[slice] = tonumber(fields[i + 1])
  else
    callsOf[slice] = tonumber(fields[i + 1])
  end
end
if calls > 0 and #over > 0 then redis.call("HDEL", KEYS[1], unpack(over)) end

local reply = { now }
for slice, total in pairs(callsOf) do
  reply[#reply + 1] = slice
  reply[#reply + 1] = total
  reply[#reply + 1] = failuresOf[slice] or 0
end
return reply
`,
};
