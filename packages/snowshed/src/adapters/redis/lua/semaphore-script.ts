// Made by scripts/embed-lua.mjs of semaphore.lua: what is changed here is lost.
import type { Script } from "../port.ts";

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
