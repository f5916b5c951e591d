import { fileURLToPath } from "node:url";

import { execute, pinned } from "../processes.mjs";

const script = fileURLToPath(new URL("../redis/idle.mjs", import.meta.url));
const lease = 9000;

const contender = (what, role) => ({
  id: what,
  role,
  async sample({ variables }) {
    const { stdout } = await execute(pinned(process.execPath, script, what, lease), { env: variables });
    const { perSecond } = JSON.parse(stdout);
    return { cpu: perSecond, wall: perSecond, medianWall: perSecond };
  },
});

export const row = {
  name: "redis-idle",
  title: "100 idle waiters on Redis",
  unit: "EVALSHA/s",
  metric: "medianWall",
  rounds: 1,
  what: `One holder and 100 waiters of one process, a lease of ${lease / 1000} s: scripts that Redis runs a second while nothing happens. One beat every
third of the lease is 0.33 a second.`,
  contenders: [contender("snowshed", "ours"), contender("redis-semaphore", "peer")],
  targets: [{ text: "no more than one beat per lease/3", ours: "snowshed", atMost: 3000 / lease + 0.1 }],
};
