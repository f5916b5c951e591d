import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { home, NotAvailable, ours, oursOf } from "../ours.mjs";

/** So many at the same time. */
const tasks = 1000;

const turn = async () => {
  await Promise.resolve();
};

const plain = ({ Group }) => {
  return async (count) => {
    for (let done = 0; done < count; done += tasks) {
      const group = new Group();
      for (let index = 0; index < tasks; index++) group.go(turn);
      await group.wait();
    }
  };
};

const guarded = ({ Group, Semaphore }) => {
  const semaphore = new Semaphore(8);
  const task = () => semaphore.run(turn);
  return async (count) => {
    for (let done = 0; done < count; done += tasks) {
      const group = new Group();
      for (let index = 0; index < tasks; index++) group.go(task);
      await group.wait();
    }
  };
};

/** The library in one file; `cut` takes the call points of the hooks out of it, as if nobody had ever thought of them. */
async function bundled(cut) {
  const { build } = await import("esbuild").catch(() => {
    throw new NotAvailable("esbuild is not installed");
  });
  const folder = await mkdtemp(join(tmpdir(), "snowshed-bench-"));
  const nothing = {
    name: "no-hooks",
    setup({ onLoad }) {
      const contents =
        "export const hooks = null; export const runWatched = (_, body) => body(); export const runWatchedWith = (_, body, given) => body(given);";
      onLoad({ filter: /\/hooks\.js$/ }, () => ({ contents, loader: "js" }));
    },
  };
  try {
    const outfile = join(folder, "snowshed.mjs");
    await build({
      entryPoints: [fileURLToPath(new URL("index.js", home))],
      outfile,
      bundle: true,
      format: "esm",
      target: "es2023",
      platform: "node",
      minifySyntax: true,
      plugins: cut ? [nothing] : [],
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const of = (name, program) => {
  const contender = (id, role, load) => ({ id: `${name}, ${id}`, role, setup: async () => program(await load()) });
  const watched = (preset) => async () => {
    const { enable } = await oursOf("diagnostics", "enable");
    enable(preset);
    return ours("Group", "Semaphore");
  };
  return [
    contender("call points cut out", "peer", () => bundled(true)),
    contender("off", "ours", () => bundled(false)),
    contender("off, as built", "ours", () => ours("Group", "Semaphore")),
    contender("production", "ours", watched("production")),
    contender("development", "variant", watched("development")),
  ];
};

export const row = {
  name: "diagnostics",
  title: "watching tasks",
  unit: "ns/task",
  operations: 20 * tasks,
  what: `A Group of ${tasks} tasks that await once ("plain"), or that do so inside a Semaphore of 8 ("semaphore"). Off: nobody
watches, what everybody pays for the call points; against the same program with the call points cut out by esbuild. With the
presets of \`enable()\`.`,
  contenders: [...of("plain", plain), ...of("semaphore", guarded)],
  targets: ["plain", "semaphore"].flatMap((name) => [
    {
      text: `${name}: off ≤ 1.05 times the program without call points`,
      ours: `${name}, off`,
      marks: [`${name}, call points cut out`],
      atMost: 1.05,
    },
    {
      text: `${name}: production ≤ 1.9 times off`,
      ours: `${name}, production`,
      marks: [`${name}, off, as built`],
      atMost: 1.9,
    },
  ]),
};
