// What a report is written to is not always a file that may be replaced.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { writeWhole } from "../../src/gate/write-file.ts";
import { temporaryFolder } from "../support/folders.ts";

test("a device and a named pipe are written to, not replaced", async () => {
  const folder = temporaryFolder();
  const device = path.join(folder, "device");
  // A link, so that a mistake here does not cost the machine its /dev/null.
  symlinkSync("/dev/null", device);
  await writeWhole(device, "text");
  expect(readlinkSync(device)).toBe("/dev/null");
  const full = path.join(folder, "full");
  symlinkSync("/dev/full", full);
  await expect(writeWhole(full, "text")).rejects.toMatchObject({ code: "ENOSPC" });
  expect(readlinkSync(full)).toBe("/dev/full");

  const pipe = path.join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  await expect(writeWhole(pipe, "nobody reads")).rejects.toMatchObject({ code: "ENXIO" });
  const reader = readFile(pipe, "utf8");
  // The pipe has a reader as soon as the other thread has opened it.
  let failures = 0;
  for (let written = false; !written;) {
    await writeWhole(pipe, "x".repeat(200_000)).then(
      () => (written = true),
      (error: unknown) => {
        expect(error).toMatchObject({ code: "ENXIO" });
        if (++failures > 10_000) throw error;
      },
    );
  }
  expect(await reader).toBe("x".repeat(200_000));
  expect(statSync(pipe).isFIFO()).toBe(true);
  expect(readdirSync(folder).toSorted()).toEqual(["device", "full", "pipe"]);
});

test("a link to a file stays a link, and the file keeps who may read it", async () => {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "real"));
  const file = path.join(folder, "real", "report.json");
  const link = path.join(folder, "link.json");
  writeFileSync(file, "old", { mode: 0o600 });
  symlinkSync(file, link);
  await writeWhole(link, "new");
  expect(readlinkSync(link)).toBe(file);
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a name as long as names can be, a folder, and what is below a file", async () => {
  const folder = temporaryFolder();
  const long = path.join(folder, "x".repeat(255));
  await writeWhole(long, "text");
  expect(readFileSync(long, "utf8")).toBe("text");
  await expect(writeWhole(folder, "text")).rejects.toMatchObject({ code: "EISDIR" });
  await expect(writeWhole(path.join(long, "below"), "text")).rejects.toMatchObject({ code: "ENOTDIR" });
  expect(readdirSync(folder)).toEqual(["x".repeat(255)]);
});
