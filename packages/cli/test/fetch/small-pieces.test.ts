import { readdirSync } from "node:fs";
import path from "node:path";
import { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BodyFile } from "../../src/fetch/body-file.ts";
import { CompletedSet } from "../../src/fetch/completed-set.ts";
import { LineWriter } from "../../src/fetch/line-writer.ts";
import { ProgressMeter } from "../../src/fetch/progress.ts";
import { showBytes, showDuration } from "../../src/fetch/summary-text.ts";
import { Tally } from "../../src/fetch/tally.ts";
import { temporaryFolder } from "../support/folders.ts";

describe("CompletedSet", () => {
  const key = fc.stringMatching(/^[0-9a-f]{16}$/);

  test("agrees with a Set", () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 200 }), fc.array(key, { maxLength: 20 }), (added, asked) => {
        const set = new CompletedSet(4);
        for (const each of added) set.add(each);
        const model = new Set(added);
        expect(set.size).toBe(model.size);
        for (const each of [...added, ...asked]) expect(set.has(each)).toBe(model.has(each));
      }),
    );
  });

  test("grows, and tells keys apart that share a half", () => {
    const set = new CompletedSet(4);
    const hex = (value: number): string => value.toString(16).padStart(8, "0");
    for (let index = 0; index < 5000; index++) set.add(hex(index) + hex(7));
    for (let index = 0; index < 5000; index++) set.add(hex(7) + hex(index));
    expect(set.size).toBe(9999);
    expect(set.has(hex(4999) + hex(7))).toBe(true);
    expect(set.has(hex(5000) + hex(7))).toBe(false);
  });
});

describe("LineWriter", () => {
  /** A stream that takes a chunk when it is told to. */
  class Gate extends Writable {
    readonly chunks: string[] = [];
    take: () => void = () => {};
    override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
      this.chunks.push(chunk.toString());
      this.take = () => done();
    }
  }

  test("writes the lines of one turn together, those that come meanwhile after", async () => {
    const gate = new Gate();
    const writer = new LineWriter(gate, () => {});
    void writer.write("a");
    void writer.write("b");
    await new Promise(setImmediate);
    void writer.write("c");
    await new Promise(setImmediate);
    expect(gate.chunks).toEqual(["a\nb\n"]);
    gate.take();
    await new Promise(setImmediate);
    expect(gate.chunks).toEqual(["a\nb\n", "c\n"]);
    gate.take();
    await writer.flush();
  });

  test("who writes faster than is read has to wait", async () => {
    const gate = new Gate();
    const writer = new LineWriter(gate, () => {});
    const line = "x".repeat(100 * 1024);
    expect(writer.write(line)).toBeUndefined();
    expect(writer.write(line)).toBeUndefined();
    const held = writer.write(line);
    expect(held).toBeInstanceOf(Promise);
    gate.take();
    await held;
    expect(writer.write("y")).toBeUndefined();
  });

  test("says when a line was taken, and not when it was lost", async () => {
    const gate = new Gate();
    const taken: string[] = [];
    let failure: Error | undefined;
    const writer = new LineWriter(gate, (error) => (failure = error));
    void writer.write("a", () => taken.push("a"));
    await new Promise(setImmediate);
    expect(taken).toEqual([]);
    gate.take();
    await writer.flush();
    expect(taken).toEqual(["a"]);
    void writer.write("b", () => taken.push("b"));
    await new Promise(setImmediate);
    gate.destroy(Object.assign(new Error("no space"), { code: "ENOSPC" }));
    await writer.flush();
    expect(taken).toEqual(["a"]);
    expect(failure).toMatchObject({ code: "ENOSPC" });
    expect(writer.write("c")).toBeUndefined();
    await writer.flush();
  });

  test("leaves no listener on the stream", async () => {
    const gate = new Gate();
    const before = gate.listenerCount("error");
    const writer = new LineWriter(gate, () => {});
    void writer.write("a");
    const flushed = writer.flush();
    gate.take();
    await flushed;
    writer.detach();
    expect([gate.listenerCount("error"), gate.listenerCount("close")]).toEqual([before, 0]);
  });
});

describe("BodyFile", () => {
  test("discarded at any moment, leaves nothing and reports nothing", async () => {
    const folder = temporaryFolder();
    const failures: Error[] = [];
    const chunk = Buffer.alloc(1024 * 1024);
    for (let turns = 0; turns < 12; turns++) {
      const file = new BodyFile(path.join(folder, "body"), 0o600);
      file.failed = (failure) => failures.push(failure);
      for (let count = 0; count < 4; count++) file.write(chunk);
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      await file.discard();
    }
    expect(failures).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("control: a failure that is none of its own doing is reported", async () => {
    const failures: Error[] = [];
    const file = new BodyFile(path.join(temporaryFolder(), "missing/body"), 0o600);
    file.failed = (failure) => failures.push(failure);
    await expect(file.commit()).rejects.toThrow("no such file or folder (ENOENT)");
    expect(failures).toHaveLength(1);
  });
});

describe("ProgressMeter", () => {
  function meter(source: { bytesRead: number; bytesTotal: number | undefined; requestsRead: number }) {
    const tally = new Tally();
    const client = { live: 0 };
    return { tally, client, meter: new ProgressMeter(tally, source, client, false) };
  }

  test("rate, in flight, failures, and the time left", () => {
    const { tally, client, meter: progress } = meter({ bytesRead: 5000, bytesTotal: 10_000, requestsRead: 100 });
    progress.line(0);
    tally.byStatus.ok = 40;
    tally.byStatus.failed = 8;
    tally.held = 2;
    client.live = 50;
    const line = progress.line(1000);
    expect(line).toContain("25%");
    expect(line).toContain("50/200  50/s  50 in flight  10 failed  ETA 3.0 s");
    expect(line).toContain("██████░░");
  });

  test("without a known size there is no bar and no time left", () => {
    const { tally, meter: progress } = meter({ bytesRead: 5000, bytesTotal: undefined, requestsRead: 100 });
    tally.byStatus.ok = 3;
    expect(progress.line(0)).toBe("3 done  0.0/s  0 in flight  0 failed");
  });

  test("colours only when asked", () => {
    const source = { bytesRead: 1, bytesTotal: 2, requestsRead: 1 };
    const escape = "\u001B[";
    expect(new ProgressMeter(new Tally(), source, { live: 0 }, true).line(0)).toContain(escape);
    expect(new ProgressMeter(new Tally(), source, { live: 0 }, false).line(0)).not.toContain(escape);
  });
});

test("durations and sizes for people", () => {
  expect([0, 999, 1000, 8000, 90_000, 5_400_000, 7_200_000, 172_800_000].map(showDuration)).toEqual(
    ["0 ms", "999 ms", "1.0 s", "8.0 s", "2 min", "2 h", "2 h", "2 d"], // oxfmt keeps these in one line
  );
  expect([0, 999, 1500, 123_456_789].map(showBytes)).toEqual(["0 B", "999 B", "1.5 kB", "123 MB"]);
});
