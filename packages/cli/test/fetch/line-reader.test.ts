import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLines } from "../../src/fetch/line-reader.ts";

async function lines(chunks: (Buffer | string)[], longest = 100): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = [];
  for await (const line of readLines(Readable.from(chunks), longest)) all.push(line.text);
  return all;
}

describe("readLines", () => {
  test("takes both line breaks, a last line without one, and a byte order mark", async () => {
    expect(await lines(["\uFEFFone\r\ntwo\n\nfo", "ur"])).toEqual(["one", "two", "", "four"]);
    expect(await lines(["one\n"])).toEqual(["one"]);
    expect(await lines([])).toEqual([]);
  });

  test("counts lines and bytes", async () => {
    const seen: [number, number][] = [];
    for await (const { number, bytes } of readLines(Readable.from(["ä\r\n\nb"]), 100)) seen.push([number, bytes]);
    expect(seen).toEqual([
      [1, 4],
      [2, 1],
      [3, 1],
    ]);
  });

  test("leaves out what is longer than allowed and goes on behind it", async () => {
    expect(await lines(["1234", "5678\nok\n12345", "6\n12345"], 5)).toEqual([undefined, "ok", undefined, "12345"]);
  });

  test("keeps nothing of a line without end", async () => {
    const chunk = Buffer.alloc(64 * 1024, "x");
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (let sent = 0; sent < 64 * 1024 * 1024; sent += chunk.length) yield Buffer.from(chunk);
      yield Buffer.from("\nok\n");
    };
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watched = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of endless()) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield piece;
      }
    };
    const seen: (string | undefined)[] = [];
    for await (const line of readLines(watched(), 1000)) seen.push(line.text);
    expect(seen).toEqual([undefined, "ok"]);
    // Control: what does keep it, holds all 64 MiB at the end.
    const kept: Buffer[] = [];
    for await (const piece of endless()) kept.push(piece);
    const held = kept.reduce((sum, piece) => sum + piece.length, 0);
    expect(most).toBeLessThan(held);
  });

  test("agrees with split() on any text, cut anywhere", async () => {
    const text = fc.array(fc.constantFrom("a", "é", "☃", "\n", "\r\n", " ", "#"), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(80), { maxLength: 8 }), async (letters, cuts) => {
        const bytes = Buffer.from(letters.join(""));
        const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted((a, b) => a - b);
        const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
        const expected = letters.join("").split(/\r?\n/);
        if (expected.at(-1) === "") expected.pop();
        expect(await lines(chunks, 1000)).toEqual(expected);
      }),
    );
  });
});
