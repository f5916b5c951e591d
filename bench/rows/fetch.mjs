import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { execute, pinned } from "../processes.mjs";
import { NotAvailable } from "../ours.mjs";

const concurrency = 50;
const here = (path) => fileURLToPath(new URL(`../fetch/${path}`, import.meta.url));
const bin = fileURLToPath(new URL("../../packages/cli/dist/bin.js", import.meta.url));

/** Runs `use` while the server, a process of its own, answers on `port`. */
async function withServer(use) {
  const server = spawn(process.execPath, [here("server.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [port] = await once(server.stdout.setEncoding("utf8"), "data");
    return await use(Number(port));
  } finally {
    server.kill();
  }
}

/** Wall and CPU time and peak memory of one Node program that is given a file with `count` URLs. */
const program = (argumentsFor) => async (env, count) => {
  await access(bin).catch(() => {
    throw new NotAvailable("the command line is not built");
  });
  const directory = await mkdtemp(join(tmpdir(), "snowshed-bench-fetch-"));
  const urls = join(directory, "urls.txt");
  const usage = join(directory, "usage.json");
  try {
    return await withServer(async (port) => {
      await writeFile(
        urls,
        Array.from({ length: count }, (_, index) => `http://127.0.0.1:${port}/${index}\n`).join(""),
      );
      const command = pinned(process.execPath, "--import", here("usage-probe.mjs"), ...argumentsFor(urls));
      const { wall } = await execute(command, { env: { USAGE_FILE: usage }, output: "ignore", timeout: 600_000 });
      return { ...JSON.parse(await readFile(usage, "utf8")), medianWall: wall / 1000 };
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const limits = `--concurrency ${concurrency} --per-host ${concurrency} --timeout 30s --retries 1 --quiet`;
const snowshed = program((urls) => [bin, "fetch", urls, ...limits.split(" ")]);
const bare = program((urls) => [here("bare-loop.mjs"), urls, concurrency]);

export const row = {
  name: "fetch",
  title: "snowshed fetch on loopback",
  kind: "process",
  unit: "s",
  metric: "medianWall",
  rounds: 7,
  what: `A file of URLs, all on one loopback server (a process of its own that answers at once with 1 kB), at concurrency ${concurrency}:
\`snowshed fetch urls.txt ${limits}\`, its line of JSON per URL
written to /dev/null, against a bare loop over undici's \`request\` with as many workers and connections that reads and
throws away the bodies, with no timeout, retry, limit per host or report. The second bare loop writes a line of JSON per
URL, too. Wall time is that of the whole process, start included. Both clients are pinned to one core, the server is not.
Independent of the number means: ten times the URLs take at most 1.25 times the peak resident memory.`,
  contenders: [
    { id: "snowshed fetch", role: "ours", sizes: [20_000], sample: snowshed },
    { id: "bare undici loop", role: "floor", sizes: [20_000], sample: bare },
    {
      id: "bare undici loop with a line per URL",
      role: "variant",
      sizes: [20_000],
      sample: program((urls) => [here("bare-loop.mjs"), urls, concurrency, "report"]),
    },
    { id: "snowshed fetch, ten times the URLs", role: "ours", sizes: [200_000], rounds: 1, sample: snowshed },
    { id: "bare undici loop, ten times the URLs", role: "floor", sizes: [200_000], rounds: 1, sample: bare },
  ],
  targets: [
    { text: "at most 1.25× a bare undici loop", ours: "snowshed fetch", marks: ["bare undici loop"], atMost: 1.25 },
    {
      text: "the same in CPU seconds (no target)",
      ours: "snowshed fetch",
      marks: ["bare undici loop"],
      metric: "cpu",
    },
    {
      text: "peak RSS independent of the number of URLs",
      ours: "snowshed fetch, ten times the URLs",
      marks: ["snowshed fetch"],
      metric: "resident",
      atMost: 1.25,
    },
  ],
};
