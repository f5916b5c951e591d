import { writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folders.ts";
import { run, runFetch } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

/** Answers with the method, the URL, its headers and its body. */
const echo = (): Promise<string> =>
  httpServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body }));
  });

const urls = (outcomes: { url: string }[]): string[] => outcomes.map(({ url }) => url).toSorted();

describe("where requests come from", () => {
  test("URLs, files and stdin, all at once", async () => {
    const origin = await echo();
    const file = path.join(temporaryFolder(), "urls.txt");
    writeFileSync(file, `# two of them\n${origin}/file1\n\n  ${origin}/file2  \n`);
    const { code, outcomes } = await runFetch([`${origin}/argument`, file, "-"], { stdin: `${origin}/stdin` });
    expect(code).toBe(0);
    expect(urls(outcomes)).toEqual(["argument", "file1", "file2", "stdin"].map((name) => `${origin}/${name}`));
  });

  test("stdin when nothing is given", async () => {
    const origin = await echo();
    const { code, outcomes } = await runFetch([], { stdin: [`${origin}/1\n${origin}/`, `2\r\n`] });
    expect([code, urls(outcomes)]).toEqual([0, [`${origin}/1`, `${origin}/2`]]);
  });

  test("an empty input is no failure", async () => {
    expect((await run(["fetch"], { stdin: "" })).stderr).toContain("0 requests");
    expect((await runFetch(["--json"], { stdin: "\n# nothing\n" })).summary).toMatchObject({ total: 0, exitCode: 0 });
  });

  test("JSON lines with method, headers, body and id", async () => {
    const origin = await echo();
    const output = temporaryFolder();
    const line = JSON.stringify({
      url: `${origin}/x`,
      method: "POST",
      headers: { "X-One": "1" },
      body: "text",
      id: "first",
    });
    const { outcomes } = await runFetch(["--output", output, "--header", "x-two: 2"], { stdin: line });
    expect(outcomes[0]).toMatchObject({ id: "first", url: `${origin}/x`, method: "POST", status: "ok" });
    const { readFileSync } = await import("node:fs");
    const seen = JSON.parse(readFileSync(outcomes[0]!.file!, "utf8")) as Record<string, unknown>;
    expect(seen).toMatchObject({ method: "POST", url: "/x", body: "text", headers: { "x-one": "1", "x-two": "2" } });
    expect(seen["headers"]).toMatchObject({ "user-agent": "snowshed", "accept-encoding": "gzip, deflate, br" });
  });

  test("--data makes a POST, --method and the line say otherwise", async () => {
    const origin = await echo();
    const stdin = [`${origin}/1\n`, JSON.stringify({ url: `${origin}/2`, method: "PATCH" })];
    const { outcomes } = await runFetch(["--data", "x"], { stdin });
    expect(outcomes.map(({ method }) => method).toSorted()).toEqual(["PATCH", "POST"]);
    expect((await runFetch([origin, "--data", "x", "--method", "put"])).outcomes[0]!.method).toBe("PUT");
  });

  test("what is invalid is reported with its line number, and the rest goes on", async () => {
    const origin = await echo();
    const file = path.join(temporaryFolder(), "urls.txt");
    const lines = [
      `${origin}/1`,
      "nonsense",
      "",
      '{"url":1}',
      "ftp://a/",
      `${origin}/2`,
      "x".repeat(1024 * 1024 + 1),
      `${origin}/3`,
    ];
    writeFileSync(file, lines.join("\n"));
    const { code, stderr, outcomes } = await runFetch([file]);
    expect(stderr.split("\n")).toEqual([
      `snowshed: ${file}:2: not a valid URL`,
      `snowshed: ${file}:4: "url" must be a string`,
      `snowshed: ${file}:5: only http and https URLs are fetched, not ftp:`,
      `snowshed: ${file}:7: longer than 1048576 bytes`,
      "",
    ]);
    expect(urls(outcomes)).toEqual([1, 2, 3].map((name) => `${origin}/${name}`));
    expect(code).toBe(1);
    expect((await runFetch([file, "--json"])).summary).toMatchObject({ ok: 3, invalid: 4, exitCode: 1 });
  });

  test("an input that breaks off is reported, what it gave is fetched", async () => {
    const origin = await echo();
    const stdin = new Readable({ read: () => {} });
    stdin.push(`${origin}/1\n`);
    setImmediate(() => stdin.destroy(Object.assign(new Error("EIO: i/o error"), { code: "EIO" })));
    const { code, stderr, outcomes } = await runFetch([], { stdin });
    expect(stderr).toBe("snowshed: cannot read stdin any further: the device reported an error (EIO)\n");
    expect([code, outcomes.length]).toEqual([1, 1]);
  });

  test("a line is fetched when it comes, not when the input ends", async () => {
    let asked: () => void = () => {};
    const origin = await httpServer((_, response) => {
      asked();
      response.end();
    });
    const first = new Promise<void>((resolve) => (asked = resolve));
    const stdin = (async function* () {
      yield `${origin}/1\n`;
      // The second line only comes after the first was fetched.
      await first;
      yield `${origin}/2\n`;
    })();
    expect((await runFetch([], { stdin })).outcomes).toHaveLength(2);
  });

  test("the deadline also ends a run whose input says nothing and never ends", async () => {
    const { code, summary } = await runFetch(["--deadline", "50ms", "--json"], {
      stdin: new Readable({ read: () => {} }),
    });
    expect(code).toBe(1);
    expect(summary).toMatchObject({ total: 0, stopped: "deadline", inputComplete: false });
  });
});

describe("nothing secret is shown", () => {
  test("a user name and password go to the server only", async () => {
    const origin = await httpServer((request, response) => {
      response.writeHead(request.headers.authorization === `Basic ${btoa("user:hunter2")}` ? 500 : 401).end();
    });
    const url = origin.replace("//", "//user:hunter2@");
    const { stdout, stderr, outcomes } = await run(["fetch", url, "--header", "x-key: hunter2"]);
    expect(outcomes[0]).toMatchObject({ url: `${origin}/`, httpStatus: 500 });
    expect(stdout + stderr).not.toContain("hunter2");
  });

  test("a header that is not valid is not repeated", async () => {
    for (const value of ["authorization: a\nhunter2", "hunter2", "bad name: hunter2"]) {
      const { code, stdout, stderr } = await run(["fetch", "http://a/", "--header", value]);
      expect(code).toBe(2);
      expect(stdout + stderr).toMatch(/^snowshed: option --header: [^\n]+\n$/);
      expect(stderr).not.toContain("hunter2");
    }
  });

  test("what a server or an input says cannot steer the terminal", async () => {
    const file = path.join(temporaryFolder(), "urls\u001B[2J.txt");
    writeFileSync(file, "nonsense");
    expect((await runFetch([file])).stderr).toContain("urls?[2J.txt:1: not a valid URL");
  });
});
