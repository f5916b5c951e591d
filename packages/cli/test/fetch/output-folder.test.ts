import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bodies, parts, temporaryFolder } from "../support/folders.ts";
import { runFetch } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

const journal = ".snowshed-journal.ndjson";

describe("--output", () => {
  test("keeps each good body in a file of its own, and none of a failure", async () => {
    const origin = await httpServer(({ url }, response) =>
      response.writeHead(url === "/bad" ? 404 : 200).end(`body of ${url}`),
    );
    const output = path.join(temporaryFolder(), "made/for/it");
    const stdin = `${origin}/1\n${origin}/bad\n{"url":"${origin}/2","id":"../../two"}\n`;
    const { outcomes } = await runFetch(["--output", output], { stdin });
    const files = outcomes.flatMap(({ file }) => file ?? []);
    expect(files).toHaveLength(2);
    expect(bodies(output).toSorted()).toEqual(files.map((file) => path.basename(file)).toSorted());
    for (const { url, file } of outcomes) {
      if (file !== undefined) expect(readFileSync(file, "utf8")).toBe(`body of ${new URL(url).pathname}`);
    }
    expect(files.some((file) => path.basename(file).startsWith("two-"))).toBe(true);
  });

  test.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["identity", (body: Buffer) => body],
  ] as const)("decompresses %s", async (encoding, compress) => {
    const body = Buffer.from("snow ".repeat(100_000));
    const origin = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(compress(body)),
    );
    const { outcomes } = await runFetch([origin, "--output", temporaryFolder()]);
    expect(outcomes[0]!.bytes).toBe(body.length);
    expect(readFileSync(outcomes[0]!.file!).equals(body)).toBe(true);
  });

  test("a body larger than any buffer arrives whole", async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    for (let index = 0; index < chunk.length; index++) chunk[index] = index % 251;
    const origin = await httpServer(async (_, response) => {
      for (let count = 0; count < 24; count++) {
        if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end();
    });
    const { outcomes } = await runFetch([origin, "--output", temporaryFolder(), "--timeout", "30s"]);
    const file = readFileSync(outcomes[0]!.file!);
    expect(file.length).toBe(24 * chunk.length);
    for (let count = 0; count < 24; count++)
      expect(file.subarray(count * chunk.length, (count + 1) * chunk.length).equals(chunk)).toBe(true);
  });

  test("an attempt that is retried leaves only the good body", async () => {
    let count = 0;
    const origin = await httpServer((_, response) => {
      response.writeHead(200, { "content-length": 10 });
      if (count++ === 0) response.write("half", () => response.destroy());
      else response.end("0123456789");
    });
    const output = temporaryFolder();
    const { outcomes } = await runFetch([origin, "--output", output]);
    expect(outcomes[0]).toMatchObject({ status: "ok", attempts: 2 });
    expect(readFileSync(outcomes[0]!.file!, "utf8")).toBe("0123456789");
    expect(parts(output)).toEqual([]);
  });

  test("the same request twice is one file, whole", async () => {
    const origin = await httpServer((_, response) => response.end("same"));
    const output = temporaryFolder();
    const { outcomes } = await runFetch([origin, origin, origin, "--output", output]);
    expect(outcomes.map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
    expect(bodies(output)).toHaveLength(1);
  });

  test("a final name that cannot be taken stops the run with one line", async () => {
    const origin = await httpServer((_, response) => response.end("x"));
    const output = temporaryFolder();
    const first = await runFetch([`${origin}/1`, "--output", output]);
    const { rm } = await import("node:fs/promises");
    await rm(first.outcomes[0]!.file!);
    mkdirSync(first.outcomes[0]!.file!);
    const { code, stderr, outcomes } = await runFetch([`${origin}/1`, "--output", output]);
    expect(stderr).toMatch(/^snowshed: cannot write: [^\n]+\n$/);
    expect([code, outcomes[0]!.error!.code]).toEqual([1, "WRITE_FAILED"]);
    expect(parts(output)).toEqual([]);
  });
});

describe("--resume", () => {
  const numbered = (origin: string, count: number): string =>
    Array.from({ length: count }, (_, index) => `${origin}/${index}\n`).join("");

  async function server() {
    const asked: string[] = [];
    const failing = new Set<string>();
    const origin = await httpServer(({ url }, response) => {
      asked.push(String(url));
      response.writeHead(failing.has(String(url)) ? 404 : 200).end("x");
    });
    return { origin, asked, failing };
  }

  test("fetches what an earlier run did not complete, and only that", async () => {
    const { origin, asked, failing } = await server();
    const output = temporaryFolder();
    failing.add("/3");
    const argv = ["--output", output, "--resume"];
    expect((await runFetch(argv, { stdin: numbered(origin, 5) })).outcomes).toHaveLength(5);
    failing.clear();
    asked.length = 0;
    const second = await runFetch([...argv], { stdin: numbered(origin, 7) });
    expect(asked.toSorted()).toEqual(["/3", "/5", "/6"]);
    expect(second.outcomes).toHaveLength(3);
    expect(second.code).toBe(0);
    const third = await runFetch([...argv, "--json"], { stdin: numbered(origin, 7) });
    expect(third.summary).toMatchObject({ total: 0, resumed: 7, exitCode: 0 });
  });

  test("requests that differ in their id, method or body are not the same", async () => {
    const { origin, asked } = await server();
    const argv = ["--output", temporaryFolder(), "--resume"];
    const stdin = [{}, { id: "1" }, { id: "2" }, { method: "PUT" }, { method: "PUT", body: "x" }]
      .map((more) => `${JSON.stringify({ url: origin, ...more })}\n`)
      .join("");
    await runFetch(argv, { stdin });
    expect(asked).toHaveLength(5);
    await runFetch(argv, { stdin });
    expect(asked).toHaveLength(5);
  });

  test("tolerates a journal whose last line is torn, and goes on in a line of its own", async () => {
    const { origin, asked } = await server();
    const output = temporaryFolder();
    const argv = ["--output", output, "--resume"];
    await runFetch(argv, { stdin: numbered(origin, 3) });
    const file = path.join(output, journal);
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, whole.slice(0, -20));
    asked.length = 0;
    await runFetch(argv, { stdin: numbered(origin, 3) });
    expect(asked).toHaveLength(1);
    appendFileSync(file, '{"compl\0\0\0');
    asked.length = 0;
    await runFetch(argv, { stdin: numbered(origin, 4) });
    expect(asked).toEqual(["/3"]);
    await runFetch(argv, { stdin: numbered(origin, 4) });
    expect(asked).toEqual(["/3"]);
  });

  test("a run without it begins the record anew", async () => {
    const { origin, asked } = await server();
    const output = temporaryFolder();
    await runFetch(["--output", output], { stdin: numbered(origin, 3) });
    await runFetch(["--output", output], { stdin: numbered(origin, 2) });
    expect(asked).toHaveLength(5);
    await runFetch(["--output", output, "--resume"], { stdin: numbered(origin, 3) });
    expect(asked.slice(5)).toEqual(["/2"]);
  });

  test("sweeps up what a killed run has left, and nothing of a living one", async () => {
    const { origin } = await server();
    const output = temporaryFolder();
    // The highest process id Linux gives out is below this.
    const dead = path.join(output, ".snowshed-4194305-1.part");
    const alive = path.join(output, `.snowshed-${process.ppid}-1.part`);
    const mine = path.join(output, "my.part");
    for (const file of [dead, alive, mine]) writeFileSync(file, "");
    await runFetch([origin, "--output", output]);
    expect([dead, alive, mine].map((file) => existsSync(file))).toEqual([false, true, true]);
  });
});

test("a journal line is written after the body has its name", async () => {
  const origin = await httpServer((_, response) => response.end("x"));
  const output = temporaryFolder();
  const { outcomes } = await runFetch([origin, "--output", output]);
  const lines = readFileSync(path.join(output, journal), "utf8").trim().split("\n");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({ completed: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
  expect(statSync(outcomes[0]!.file!).size).toBe(1);
});
