import { fileURLToPath } from "node:url";

import { execute, pinned } from "../processes.mjs";

const script = fileURLToPath(new URL("../redis/contended.mjs", import.meta.url));
const seconds = 5;

const contender = (what, held, role) => ({
  id: `${what}, held ${held} ms`,
  role,
  async sample({ variables }) {
    const measure = async (...words) => {
      const { stdout } = await execute(pinned(process.execPath, script, what, held, ...words), { env: variables });
      return JSON.parse(stdout);
    };
    const measured = { ...(await measure(seconds)), ...(await measure(2, "order")) };
    return { ...measured, cpu: measured.perGrant, wall: measured.perGrant, medianWall: measured.perGrant };
  },
});

const faster = (held) => ({
  text: `held ${held} ms: at least redis-semaphore's rate`,
  ours: `snowshed, held ${held} ms`,
  marks: [`redis-semaphore, held ${held} ms`],
  atMost: 1,
});

export const row = {
  name: "redis-contended",
  title: "50 clients over 10 permits on Redis",
  unit: "ns/grant",
  metric: "medianWall",
  rounds: 5,
  what: `50 clients of one process, each with a connection of its own, over a semaphore of 10 on a Redis on another core, for ${seconds} s: the time
between two grants. The order is that of another run of 2 s, in which the server numbers all scripts as they come: "passed over"
is who sent its first one before somebody who was served earlier. "In turns": between two turns of one client, how many others
were served. The longest wait in time has in it whatever the machine did meanwhile: at 0 ms the mean is a few milliseconds, and
one moment in which the client or the server gets no core is more than that.`,
  contenders: [0, 2, 10].flatMap((held) => [
    contender("snowshed", held, held === 2 ? "ours" : "variant"),
    contender("redis-semaphore", held, "peer"),
  ]),
  targets: [
    ...[0, 2, 10].map(faster),
    ...[0, 2, 10].flatMap((held) => [
      {
        text: `held ${held} ms: longest wait ≤ 2× the mean`,
        ours: `snowshed, held ${held} ms`,
        metric: "maxOverMean",
        atMost: 2,
      },
      {
        text: `held ${held} ms: longest wait in turns ≤ 2× the mean`,
        ours: `snowshed, held ${held} ms`,
        metric: "longestInTurns",
        atMost: 2,
      },
      {
        text: `held ${held} ms: nobody passed over`,
        ours: `snowshed, held ${held} ms`,
        marks: [`redis-semaphore, held ${held} ms`],
        metric: "inversions",
        atMost: 0,
      },
    ]),
  ],
};
