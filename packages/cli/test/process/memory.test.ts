import { Readable, Writable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { HostScheduler } from "../../src/fetch/host-scheduler.ts";
import { RequestParser } from "../../src/fetch/request.ts";
import { RequestSource } from "../../src/fetch/request-source.ts";
import { runFetch } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** An input of `count` lines that never exists as a whole. */
function* urls(origin: (index: number) => string, count: number): Generator<string> {
  for (let start = 0; start < count; start += 1000) {
    let chunk = "";
    for (let index = start; index < Math.min(start + 1000, count); index++) chunk += `${origin(index)}/${index}\n`;
    yield chunk;
  }
}

describe("memory does not follow the number of URLs", { timeout: 60_000 }, () => {
  test("a million lines through reader and scheduler", async () => {
    const growth = async (kept: unknown[] | undefined): Promise<number> => {
      const events = { invalid: async () => {}, broken: async () => {}, skips: () => false };
      const parser = new RequestParser({ method: "GET", headers: [], body: undefined });
      const hosts = (index: number): string => `http://host-${index % 5000}.example`;
      const stdin = Readable.from(urls(hosts, kept === undefined ? 1_000_000 : 100_000));
      const source = await RequestSource.open(
        ["-"],
        { stdin, stdout: process.stdout, stderr: process.stderr, env: {} },
        parser,
        events,
      );
      const scheduler = new HostScheduler(source.requests(), { perHost: 2, window: { requests: 1000, bytes: 1e7 } });
      let count = 0;
      let before = 0;
      for await (const request of scheduler) {
        if (++count === 10_000) before = heap();
        kept?.push(request);
        scheduler.release(request);
      }
      expect(count).toBe(kept === undefined ? 1_000_000 : 100_000);
      return heap() - before;
    };
    const flat = await growth(undefined);
    // Control: with a tenth of the lines, keeping them costs many times what all of them may cost here.
    const kept: unknown[] = [];
    const control = await growth(kept);
    expect(kept).toHaveLength(100_000);
    expect(control).toBeGreaterThan(10_000_000);
    expect(flat).toBeLessThan(control / 10);
  });

  test("requests that are really sent", async () => {
    const origin = await httpServer((_, response) => response.end());
    const growth = async (kept: unknown[] | undefined): Promise<number> => {
      let lines = 0;
      let before = 0;
      let after = 0;
      const stdout = new Writable({
        write(chunk: Buffer, _encoding, done) {
          const text = chunk.toString();
          // What a caller has in hand who collects the outcomes.
          for (const line of kept === undefined ? [] : text.split("\n").filter(Boolean)) kept?.push(JSON.parse(line));
          const seen = lines;
          lines += text.split("\n").length - 1;
          if (seen < 2000 && lines >= 2000) before = heap();
          if (seen < 7500 && lines >= 7500) after = heap();
          done();
        },
      });
      const argv = ["--concurrency", "20", "--per-host", "20", "--timeout", "30s"];
      const { code } = await runFetch(argv, { stdin: urls(() => origin, 8000), stdout });
      expect([code, lines]).toEqual([0, 8000]);
      return after - before;
    };
    const flat = await growth(undefined);
    const control = await growth([]);
    // 5,500 outcomes, of which not one takes less than eight words.
    expect(control).toBeGreaterThan(5500 * 64);
    expect(flat).toBeLessThan(control / 2);
  });

  test("failures that are held back for the cache lie on disk", async () => {
    const { temporaryFolder } = await import("../support/folders.ts");
    const cache = temporaryFolder();
    const origin = await httpServer((_, response) => response.writeHead(404).end());
    const filler = "x".repeat(2000);
    let asked = 0;
    let before = 0;
    let after = 0;
    const input = (function* () {
      for (const chunk of urls(() => `${origin}/${filler}`, 5000)) {
        asked += 1000;
        if (asked === 2000) before = heap();
        if (asked === 5000) after = heap();
        yield chunk;
      }
    })();
    const argv = ["--cache", cache, "--concurrency", "20", "--per-host", "20", "--json"];
    const { summary } = await runFetch(argv, { stdin: input });
    expect(summary).toMatchObject({ failed: 5000, total: 5000 });
    // Control: what their URLs alone would take in memory.
    const control = 3000 * filler.length;
    expect(after - before).toBeLessThan(control / 2);
  });
});
