// Made by scripts/embed-lua.mjs of deduplication.lua: what is changed here is lost.
import type { Script } from "../port.ts";

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
