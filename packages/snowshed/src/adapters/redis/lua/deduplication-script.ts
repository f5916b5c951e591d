// Made by scripts/embed-lua.mjs of deduplication.lua: what is changed here is lost.
import type { Script } from "../port.ts";

/** @internal */
export const deduplicationScript: Script = {
  name: "deduplication",
  sha1: "b77782d6ea4071837fa0d0401d3b8618088e66b9",
  source: `local operation, id = ARGV[1], ARGV[2]
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
