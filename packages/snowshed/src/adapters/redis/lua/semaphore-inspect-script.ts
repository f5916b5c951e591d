// Made by scripts/embed-lua.mjs of semaphore-inspect.lua: what is changed here is lost.
import type { Script } from "../port.ts";

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
