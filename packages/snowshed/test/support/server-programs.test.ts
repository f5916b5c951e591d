// How tests get the server they need: found, or installed by a stand-in for apt-get that tells what it was asked.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Installer, ServerPrograms } from "./server-programs.ts";
import { findOrInstall } from "./server-programs.ts";

// Processes on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
let needed: ServerPrograms;
let installer: Installer;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "snowshed-programs-"));
  const empty = join(directory, "empty");
  mkdirSync(empty);
  needed = {
    server: "Example",
    names: ["exampled", "example-init"],
    places: () => [join(directory, "nowhere"), empty, join(directory, "bin")],
    packages: ["example-server", "example-client"],
  };
  installer = { aptGet: join(directory, "apt-get"), isRoot: true, lock: join(directory, "lock") };
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** An apt-get that notes its arguments, then runs `body`. */
function aptGet(body: string): void {
  writeFileSync(installer.aptGet, `#!/bin/sh\ncd '${directory}'\necho "$*" >>log\n${body}\n`);
  chmodSync(installer.aptGet, 0o755);
}

const unpack = "mkdir -p bin && touch bin/exampled bin/example-init";
const asked = "install -y --no-install-recommends example-server example-client";

function log(): string[] {
  const file = join(directory, "log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

test("what is there is used, and nothing installed", async () => {
  aptGet("exit 1");
  mkdirSync(join(directory, "bin"));
  for (const name of needed.names) writeFileSync(join(directory, "bin", name), "");
  expect(await findOrInstall(needed, installer)).toBe(join(directory, "bin"));
  expect(log()).toEqual([]);
});

test("a half of it is not enough: the package is installed", async () => {
  aptGet(unpack);
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin", "exampled"), "");
  expect(await findOrInstall(needed, installer)).toBe(join(directory, "bin"));
  expect(log()).toEqual([asked]);
});

test("where the lists of packages are missing, they are fetched, and it is tried once more", async () => {
  aptGet(`case "$1" in update) touch lists;; *) test -e lists && ${unpack};; esac`);
  expect(await findOrInstall(needed, installer)).toBe(join(directory, "bin"));
  expect(log()).toEqual([asked, "update", asked]);
});

test("who comes while another one installs waits for the end of that, and not only for the files", async () => {
  aptGet(`${unpack}; while ! test -e goOn; do sleep 0.01; done; touch isSetUp`);
  const first = findOrInstall(needed, installer);
  while (!existsSync(join(directory, "bin", "example-init"))) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = findOrInstall(needed, installer).then(() => existsSync(join(directory, "isSetUp")));
  // The control: somebody who is not root does not wait.
  expect(await findOrInstall(needed, { ...installer, isRoot: false })).toBe(join(directory, "bin"));
  expect(existsSync(join(directory, "isSetUp"))).toBe(false);
  writeFileSync(join(directory, "goOn"), "");
  expect([await first, await second, log()]).toEqual([join(directory, "bin"), true, [asked]]);
});

test.each<readonly [string, (() => void) | null, boolean, RegExp]>([
  [
    "apt-get fails",
    () => aptGet("echo 'Unable to locate package' >&2; exit 100"),
    true,
    /install example-server example-client\n[^]*Unable to locate/,
  ],
  ["there is no apt-get", null, true, /exampled, example-init[^]*example-client$/],
  ["this is not root", () => aptGet(unpack), false, /example-client$/],
])("and where %s, the error says what is needed", async (_name, prepare, isRoot, message) => {
  prepare?.();
  await expect(findOrInstall(needed, { ...installer, isRoot })).rejects.toThrow(message);
  expect(existsSync(join(directory, "bin"))).toBe(false);
});
