import { ours, oursOf } from "../ours.mjs";

const live = 10_000;

/** Ten thousand tasks in a hundred groups, most of which wait for a semaphore. */
const looking = (preset, look) => async () => {
  const diagnostics = await oursOf("diagnostics", "enable", "snapshot", "profile", "formatDump");
  diagnostics.enable(preset, { silence: ["SS007", "SS009"] });
  const { Group, Semaphore } = await ours("Group", "Semaphore");
  const semaphore = new Semaphore(8, { name: "database" });
  const never = new Promise(() => {});
  const groups = Array.from({ length: 100 }, (_, index) => new Group({ name: `group ${index}` }));
  for (let index = 0; index < live; index++) {
    groups[index % groups.length].go(() => semaphore.run(() => never), { name: `task ${index % 20}` });
  }
  return (count) => {
    for (let index = 0; index < count; index++) look(diagnostics);
  };
};

const contender = (id, preset, look) => ({ id, role: "ours", setup: looking(preset, look) });

export const row = {
  name: "diagnostics-dump",
  title: "looking at 10,000 live tasks",
  unit: "ns/look",
  operations: 1,
  what: `Ten thousand tasks in a hundred groups, of which 9,992 wait for a semaphore of 8; after the first look, which makes the
texts of the places where tasks were made. \`profile()\` is what \`snowshed profile\` and \`watch\` show.`,
  contenders: [
    contender("profile, production", "production", ({ profile }) => profile("task")),
    contender("profile, development", "development", ({ profile }) => profile("task")),
    contender("snapshot", "production", ({ snapshot }) => snapshot()),
    contender("snapshot and formatDump", "production", ({ snapshot, formatDump }) => formatDump(snapshot())),
    contender("snapshot and JSON", "production", ({ snapshot }) => JSON.stringify(snapshot())),
  ],
  targets: [
    { text: "profile of 10,000 tasks ≤ 20 ms (production)", ours: "profile, production", atMost: 20e6 },
    { text: "profile of 10,000 tasks ≤ 20 ms (development)", ours: "profile, development", atMost: 20e6 },
  ],
};
