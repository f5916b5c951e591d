-- All that changes a semaphore: one script, so that each change is one atomic step. But for one: a holder that knows of
-- nobody who waits gives back by APPEND <state> "\n<id> ", 22 bytes that the next script takes for what they mean.
--
-- KEYS[1] state    twelve numbers, the latest <plan> that says what they say, the map of the slots ("1": taken), and for
--                  each holder a line
--                  \n<id> <expiry, ms> <slots> <token> <weight> <lease, ms> <hand-over> <owner>
--                  the expiry is "t" if it is a lease from the token's time; then spaces, and what was given back since
-- KEYS[2] queue    sorted by ticket: <id> <weight> <lease> <hand-over> <owner>
--                  hand-over: "h" and how many tokens are kept for it, or "-"
-- KEYS[3] alive    of each process that has waiters: until when it counts as alive, ms
--
-- The length of the state, modulo 22, is 7 if nobody waits and 8 if somebody does: so what APPEND replies says whether that
-- was all, or this script has to be asked as well. (A multiple of 22: there was no state, and there still is none.)
--
-- A plan is "<permits> <version> <lease> <publish>". Times are those of the server. An id is 20 characters, of which the
-- first 12 name its process. What concerns a process is told to it as lines of text: in the reply if it is the one that
-- calls, else on the channel that <publish> ("PUBLISH <beginning of it>") ends with it.
--   g <id> <slots> <token> <expiry> <term>   granted, for `term` ms
--   l <id>   no longer held        x <id>   not known any more        f <id> <permits>   weighs more than there are
--   w        somebody of another process waits
--
-- \n<id>_   <weight, lease, hand-over and owner> <plan> [t]                     acquire; t: only try to
-- r, k   <id> <rest of the line> <process> <publish>                                 release or cancel; k: of another one
-- b, p   <process> <lease> <permits> <version> <publish> <count> <ids of holders ...> <lines of waiters ...>
--                                                                  renew and repair; p: only renew, and see what is due
-- c      <process> <permits> <version> <publish>                                                              resize
local call, find, sub, match = redis.call, string.find, string.sub, string.match
local format, known, keep, claim, spaces = '<dddddddddddd', 20261124, 172800000, 2000, '                      '
local op = ARGV[1]
local state = call('GET', KEYS[1])
local magic, permits, version, used, queued, fence, nextExpiry, kept, mapped, size, planned, usual
local base, plan, isAcquire = 96, '', #op == 22
if state and #state % 22 == 0 and sub(state, 1, 1) == '\n' and sub(state, 22, 22) == ' ' then
  -- Given back to a state that had been forgotten.
  call('DEL', KEYS[1])
  state = false
end
if state then
  if #state >= 96 then
    magic, permits, version, used, queued, fence, nextExpiry, kept, mapped, size, planned, usual = struct.unpack(format, state)
  end
  if magic ~= known then return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' holds something that is no semaphore') end
  -- The usual case, with as few commands and strings as can be. All it does the part below does, too.
  base = 96 + planned
  plan = sub(state, 97, base)
  if isAcquire and queued == 0 and plan == ARGV[3] then
    local entry, rest = op, ARGV[2]
    local length = #state - size - (7 - size) % 22
    -- Of one that was held, and given back.
    local isFree = used == 0 or used == 1 and length == 22 and sub(state, base + mapped + 1, base + mapped + 22) == sub(state, -22)
    local fits = isFree and permits > 0
      or length == 0 and used < permits and not find(state, entry, base + mapped + 1, true)
    if fits and sub(rest, 1, 2) == '1 ' and find(rest, ' - ', 3, true) then
      local time = call('TIME')
      local seconds, part = time[1], time[2]
      local us = seconds * 1000000 + part
      local now = (us - us % 1000) / 1000
      if us > fence and kept - now > keep / 2 then
        if #part < 6 then part = sub('00000' .. part, -6) end
        local expiry = now + usual
        if isFree then
          size = base + 28 + #seconds + #part + #rest
          local numbers = struct.pack(format, magic, permits, version, 1, 0, us, expiry, kept, 1, size, planned, usual)
          local tail = sub(spaces, 1, (7 - size) % 22)
          state = numbers .. plan .. '1' .. entry .. 't 0 ' .. seconds .. part .. ' ' .. rest .. tail
          call('SET', KEYS[1], state, 'KEEPTTL')
          return us
        end
        local at = find(state, '0', base + 1, true)
        local after = at and at + 1
        if not at or at > base + mapped then
          at, after, mapped = base + mapped + 1, base + mapped + 1, mapped + 1
        end
        if expiry < nextExpiry then nextExpiry = expiry end
        local granted = (at - base - 1) .. ' ' .. seconds .. part
        local tail = sub(state, 97, at - 1) .. '1' .. sub(state, after, size) .. entry .. 't ' .. granted .. ' ' .. rest
        size = 96 + #tail
        state = struct.pack(format, magic, permits, version, used + 1, 0, us, nextExpiry, kept, mapped, size, planned, usual)
          .. tail
        call('SET', KEYS[1], state .. sub(spaces, 1, (7 - size) % 22), 'KEEPTTL')
        return granted
      end
    end
  end
end

local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = (us - us % 1000) / 1000
local map, records, returned = '', '', ''
if state then
  map, records = sub(state, base + 1, base + mapped), sub(state, base + mapped + 1, size)
  returned = sub(state, size + ((queued == 0 and 7 or 8) - size) % 22 + 1)
  if find(records, ' t ', 1, true) then
    records = string.gsub(records, '(\n%S+) t (%S+ (%d+) %d+ (%d+))', function(holder, granted, token, lease)
      return string.format('%s %.0f %s', holder, math.floor(token / 1000) + lease, granted)
    end)
  end
else
  -- Never used, or forgotten: expired, flushed, lost in a failover. The queue may be there still.
  permits, version, used, fence, nextExpiry, kept, mapped = -1, -1, 0, 0, math.huge, 0, 0
  queued = call('ZCARD', KEYS[2])
end

local id = ARGV[2]
local process, publish, givenPermits, givenVersion
if isAcquire then
  id = sub(op, 2, -2)
  process = sub(id, 1, 12)
  givenPermits, givenVersion, publish = match(ARGV[3], '^(%d+) (%d+) %d+ (.*)$')
  givenPermits, givenVersion = tonumber(givenPermits), tonumber(givenVersion)
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
if givenVersion and givenVersion > version then permits, version, plan = givenPermits, givenVersion, '' end

local own, others = {}, {}
local function tell(whom, line)
  if whom == process then
    own[#own + 1] = line
  else
    others[whom] = others[whom] and others[whom] .. '\n' .. line or line
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
  records = records .. '\n' .. holder .. ' ' .. expiry .. ' ' .. granted .. ' ' .. rest
  return granted
end

local function cut(holder)
  local from = find(records, '\n' .. holder .. ' ', 1, true)
  if not from then return false end
  local slots, weight = match(records, '^%d+ (%S+) %d+ (%d+)', from + #holder + 2)
  local after = find(records, '\n', from + 1, true) or #records + 1
  records = sub(records, 1, from - 1) .. sub(records, after)
  free(slots, weight)
  return true
end

-- Until `now + lease` from now on. Returns its slots and token, or nothing if it has ended.
local function renew(holder, lease)
  local from = find(records, '\n' .. holder .. ' ', 1, true)
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
  for line in string.gmatch(records, '\n[^\n]+') do
    local holder, expiry, slots, weight, lease = match(line, '^\n(%S+) (%d+) (%S+) %d+ (%d+) (%d+)')
    local ends = tonumber(expiry)
    if ends > now + lease then
      -- The clock was set back: a lease is never longer than it says.
      ends = now + lease
      line = '\n' .. holder .. ' ' .. ends .. sub(line, #holder + #expiry + 3)
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

if #returned == 22 then
  cut(sub(returned, 2, 21))
elseif #returned > 22 then
  -- There may be thousands, and each cut copies all that is left.
  local gone, live, freed = {}, {}, {}
  for at = 2, #returned, 22 do gone[sub(returned, at, at + 19)] = true end
  for line in string.gmatch(records, '\n[^\n]+') do
    if gone[sub(line, 2, 21)] then
      local slots, weight = match(line, '^%d+ (%S+) %d+ (%d+)', 23)
      used = used - weight
      for slot in string.gmatch(slots, '%d+') do freed[slot + 1] = true end
    else
      live[#live + 1] = line
    end
  end
  records = table.concat(live)
  map = string.gsub(map, '()1', function(at) return freed[at] and '0' end)
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
if isAcquire then
  local rest = ARGV[2]
  local weight, lease, spare = match(rest, '^(%d+) (%d+) h?(%S+)')
  weight, lease, spare = tonumber(weight), tonumber(lease), tonumber(spare) or 0
  if isDue then sweep() end
  -- Sent twice, because the reply was lost: it is what it was.
  local granted = renew(id, lease)
  local ticket = not granted and queued > 0 and call('ZSCORE', KEYS[2], id .. ' ' .. rest)
  serve()
  if not granted and not ticket and weight <= permits and queued == 0 and used + weight <= permits then
    granted = grant(id, rest, weight, now + lease, spare)
  end
  if granted then
    reply = 'G ' .. granted
  elseif weight > permits then
    if ticket then queued = queued - call('ZREM', KEYS[2], id .. ' ' .. rest) end
    reply = 'F'
  elseif ARGV[4] then
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
        for holder in string.gmatch(records, '\n(%S+) %d+ %S+ %d+ %d+ %d+ h%d+ ') do
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
  if isAcquire and version == givenVersion and permits == givenPermits then
    plan = ARGV[3]
    usual = tonumber(match(plan, ' %d+ (%d+)'))
  end
  size = 96 + #plan + #map + #records
  local text = struct.pack(format, known, permits, version, used, queued, fence, nextExpiry, kept, #map, size, #plan, usual or 0)
  text = text .. plan .. map .. records .. sub(spaces, 1, ((queued == 0 and 7 or 8) - size) % 22)
  local how = isOld and { 'PX', keep } or { 'KEEPTTL' }
  if isAcquire then
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
local numbers = string.format('\n%.0f %d %d %d %.0f %.0f', wait, first, queued, permits, version, now)
if #own == 0 then return reply .. numbers end
return reply .. numbers .. '\n' .. table.concat(own, '\n')
