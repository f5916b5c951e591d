import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

const usageError = /^snowshed: [^\n]+\n$/;

describe("wrong usage is one line on stderr and exit code 2", () => {
  test.each([
    [["fetch", "--nope"], "unknown option '--nope'"],
    [["fetch", "--concurency", "5"], "(Did you mean --concurrency?)"],
    [["nope"], "unknown command 'nope'"],
    [["fetch", "--timeout"], "argument missing"],
    [["fetch", "--concurrency", "0"], "It must be an integer of at least 1."],
    [["fetch", "--concurrency", "1.5"], "It must be an integer of at least 1."],
    [["fetch", "--concurrency", "NaN"], "It must be an integer of at least 1."],
    [["fetch", "--per-host", "-1"], "It must be an integer of at least 1."],
    [["fetch", "--retries", "many"], "It must be an integer of at least 0."],
    [["fetch", "--timeout", "3"], "such as 250ms, 8s, 1.5m or 2h"],
    [["fetch", "--timeout", "0s"], "such as 250ms, 8s, 1.5m or 2h"],
    [["fetch", "--deadline", "soon"], "such as 250ms, 8s, 1.5m or 2h"],
    [["fetch", "--fallback-threshold", "50%"], "It must be a number from 0 to 1."],
    [["fetch", "--fallback-threshold", "1.1"], "It must be a number from 0 to 1."],
    [["fetch", "--max-body", "64XB"], "It must be a number of bytes"],
    [["fetch", "--max-body", "0"], "It must be a number of bytes"],
    [["fetch", "--max-redirects", "-1"], "It must be an integer of at least 0."],
    [["fetch", "--method", "CONNECT"], "CONNECT is not supported"],
    [["fetch", "--header", "no colon"], 'a header must have the form "Name: value"'],
    [["fetch", "--header", "host-length 1: x"], "is not valid"],
    [["fetch", "--resume"], "--resume needs --output"],
    [["fetch", "ftp://a/"], "only http and https URLs are fetched"],
    [["fetch", "http://["], "not a valid URL"],
    [["fetch", "no-such-file"], "cannot read no-such-file: no such file or folder (ENOENT)"],
    [["fetch", "example.com/x"], "a URL begins with http:// or https://"],
    [["fetch", "/"], "cannot read /: it is a folder"],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await run(argv);
    expect(stderr).toMatch(usageError);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, ""]);
  });

  test("nothing to read and nobody who types", async () => {
    const { code, stderr } = await run(["fetch"], { tty: true });
    expect(code).toBe(2);
    expect(stderr).toContain("nothing to fetch");
  });

  test.each(["--output", "--cache"])("%s in a place that cannot be written", async (option) => {
    const folder = temporaryFolder();
    const file = path.join(folder, "file");
    writeFileSync(file, "");
    for (const place of [file, path.join(file, "below"), "/proc/nothing/here"]) {
      const { code, stderr, stdout } = await run(["fetch", "http://127.0.0.1:1/", option, place]);
      expect(stderr).toMatch(usageError);
      expect(stderr).toContain(`cannot write in ${place}: `);
      expect([code, stdout]).toEqual([2, ""]);
    }
  });

  test("a folder where the journal should be", async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, ".snowshed-journal.ndjson"));
    const { code, stderr } = await run(["fetch", "http://127.0.0.1:1/", "--output", folder]);
    expect(stderr).toMatch(/^snowshed: cannot write in .*EISDIR\)\n$/);
    expect(code).toBe(2);
  });
});

describe("help", () => {
  test("is on stdout, with examples and every option", async () => {
    const { code, stdout, stderr } = await run(["fetch", "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const word of [
      "Examples:",
      "--concurrency <n>",
      "(default: 50)",
      "(default: 3s)",
      "(default: 64MiB)",
      "--example",
    ]) {
      expect(stdout).toContain(word);
    }
  });

  test("the version is that of the package", async () => {
    const { readFileSync } = await import("node:fs");
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect((await run(["--version"])).stdout).toBe(`${manifest.version}\n`);
  });

  test("without a command it shows what there is", async () => {
    const { code, stderr } = await run([]);
    expect(code).toBe(2);
    expect(stderr).toContain("Usage: snowshed");
  });
});
