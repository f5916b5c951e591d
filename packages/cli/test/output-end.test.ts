// A command ends when its reader has everything, and does not pass when what it found could not be written.
import { Writable } from "node:stream";
import { setImmediate as nextRound } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { run } from "./support/memory-io.ts";

test("a command whose reader is slow ends when all has been read", async () => {
  let text = "";
  const held: (() => void)[] = [];
  let reads = false;
  const slow = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += String(chunk);
      if (reads) done();
      else held.push(done);
    },
  });
  let ended = false;
  const result = run(["gate", "rule", "list"], { stdout: slow }).finally(() => (ended = true));
  while (held.length === 0) await nextRound();
  for (let round = 0; round < 50; round++) await nextRound();
  expect(ended).toBe(false);
  reads = true;
  for (const done of held) done();
  expect((await result).code).toBe(0);
  expect(text).toContain("advise/store-is-the-leaf");
});

test("a gate that fails by a mistake of its own does not end as one that blocks", async () => {
  const throwing = (error: Error): Writable =>
    Object.assign(new Writable(), {
      write: () => {
        throw error;
      },
    });
  const mistake = await run(["gate", "schema"], { stdout: throwing(new TypeError("no such thing")) });
  expect(mistake.code).toBe(3);
  expect(mistake.stderr).toMatch(/^snowshed: the gate failed: no such thing\nTypeError: no such thing\n    at /);
  const denied = Object.assign(new Error("EACCES: x"), { code: "EACCES" });
  expect(await run(["gate", "schema"], { stdout: throwing(denied) })).toMatchObject({
    code: 3,
    stderr: "snowshed: the gate failed: permission denied (EACCES)\n",
  });
});

describe("what stdout does not take", () => {
  const failing = (code: string): Writable =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });

  test.each([
    [["gate", "rule", "list"], 3],
    [["gate", "schema"], 3],
    [["gate", "doctor", "--json"], 3],
    [["--help"], 1],
  ])("%j on a full disk says so and ends with %i", async (argv, code) => {
    const result = await run(argv, { stdout: failing("ENOSPC") });
    expect(result.stderr).toBe("snowshed: cannot write to stdout: no space left on the disk (ENOSPC)\n");
    expect(result.code).toBe(code);
  });

  test("because nobody reads any more is no failure", async () => {
    expect(await run(["gate", "rule", "list"], { stdout: failing("EPIPE") })).toMatchObject({ code: 0, stderr: "" });
  });
});
