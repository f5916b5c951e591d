// Made by scripts/embed-lua.mjs of window.lua: what is changed here is lost.
import type { Script } from "../port.ts";

/** @internal */
export const windowScript: Script = {
  name: "window",
  sha1: "21355fa52ebaaa4b425b8e47d38bcd5b78e86b5c",
  source: `local length, count = tonumber(ARGV[1]), tonumber(ARGV[2])
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
