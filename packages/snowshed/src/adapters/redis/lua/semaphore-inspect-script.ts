// Made by scripts/embed-lua.mjs of semaphore-inspect.lua: what is changed here is lost.
import type { Script } from "../port.ts";

/** @internal */
export const semaphoreInspectScript: Script = {
  name: "semaphore-inspect",
  sha1: "02bb0a996425331226c0237c1c173b9b88edd6e1",
  source: `local state = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local reply = { time[1] .. string.sub('00000' .. time[2], -6, -4) }
if state and #state % 22 == 0 and string.sub(state, 1, 1) == '\\n' and string.sub(state, 22, 22) == ' ' then state = false end
if state then
  local magic, permits, version, queued, mapped, size, planned, _
  if #state >= 96 then
    magic, permits, version, _, queued, _, _, _, mapped, size, planned = struct.unpack('<dddddddddddd', state)
  end
  if magic ~= 20261124 then
    return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' holds something that is no semaphore')
  end
  reply[2], reply[3] = string.format('%.0f', permits), string.format('%.0f', version)
  local returned = string.sub(state, size + ((queued == 0 and 7 or 8) - size) % 22 + 1)
  local gone, lines = {}, {}
  for at = 2, #returned, 22 do gone[string.sub(returned, at, at + 19)] = true end
  for line in string.gmatch(string.sub(state, 97 + planned + mapped, size), '\\n[^\\n]+') do
    if not gone[string.sub(line, 2, 21)] then
      lines[#lines + 1] = string.gsub(line, '^(\\n%S+) t (%S+ (%d+) %d+ (%d+))', function(holder, granted, token, lease)
        return string.format('%s %.0f %s', holder, math.floor(token / 1000) + lease, granted)
      end)
    end
  end
  reply[4] = table.concat(lines)
else
  reply[2], reply[3], reply[4] = '-1', '-1', ''
end
reply[5] = string.format('%.0f', redis.call('ZCARD', KEYS[2]))
for _, each in ipairs(redis.call('ZRANGE', KEYS[2], 0, 999, 'WITHSCORES')) do reply[#reply + 1] = each end
return reply
`,
};
