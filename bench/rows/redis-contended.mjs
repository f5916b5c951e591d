import { fileURLToPath } from "node:url";

import { execute, pinned } from "../processes.mjs";

const script = fileURLToPath(new URL("../redis/contended.mjs", import.meta.url));
const seconds = 5;

const contender = (what, held, role) => ({
  id: `${what}, held ${held} ms`,
  role,
  async sample({ variables }) {
    const { stdout } = await execute(pinned(process.execPath, script, what, held, seconds), { env: variables });
    const measured = JSON.parse(stdout);
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
  rounds: 3,
  what: `50 clients of one process, each with a connection of its own, over a semaphore of 10 on a Redis on another core, for ${seconds} s: the time
between two grants. "Passed over": came at least 5 ms earlier than somebody who was served before.`,
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
        text: `held ${held} ms: nobody passed over`,
        ours: `snowshed, held ${held} ms`,
        metric: "inversions",
        atMost: 0,
      },
    ]),
  ],
};
