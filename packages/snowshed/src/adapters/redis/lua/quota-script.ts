// Made by scripts/embed-lua.mjs of quota.lua: what is changed here is lost.
import type { Script } from "../port.ts";

/** @internal */
export const quotaScript: Script = {
  name: "quota",
  sha1: "72b9cdc2f10a4fe17b7f6a9dae01f0ac89980417",
  source: `local count = tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local at, paused, known, refunds = now, 0, 0, now
local changed = false

local stored = redis.call("GET", KEYS[1])
if stored then
  if #stored < 48 or #stored % 16 ~= 0 then
    return redis.error_reply("WRONGTYPE the key holds no quota of snowshed")
  end
  local written
  written, at, paused, refunds = struct.unpack(">dddd", stored)
  known = (#stored - 32) / 16
  if now < written then
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
    local before, its = struct.unpack(">dd", stored, 16 * i + 17)
    if its ~= drain[i] then
      before = math.min(math.ceil(before / its * drain[i]), tonumber(ARGV[first + 3]))
    end
    level[i] = math.max(0, before - (base - at) * drain[i])
  end
end

local function save()
  local last = paused
  local values = { now, base, paused, refunds }
  for i = 1, count do
    last = math.max(last, base + math.ceil(level[i] / drain[i]))
    values[#values + 1] = level[i]
    values[#values + 1] = drain[i]
  end
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
  local drained = math.max(0, base - taken)
  for i = 1, count do
    local left = math.min(tonumber(ARGV[first + 2 + i]) - (base - taken) * drain[i], weight * fill[i])
    if tonumber(ARGV[first + 2]) ~= refunds then left = math.min(left, weight * fill[i] - drained * drain[i]) end
    level[i] = math.max(0, level[i] - math.max(0, left))
    if level[i] + (base - now) * drain[i] > 9007199254740991 then possible = false end
  end
  if possible then
    for i = 1, count do level[i] = level[i] + (base - now) * drain[i] end
    base = now
  end
  refunds = refunds + 1
  save()
  return 1
end

local besides = tonumber(ARGV[first])
local reply = { now, base, paused, refunds }
for i = 1, count do reply[4 + i] = level[i] end
local place = 5 + count
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
