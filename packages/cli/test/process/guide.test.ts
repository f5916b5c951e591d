import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FailureCode } from "../../src/fetch/failure.ts";
import { shell } from "../support/child.ts";
import { bodies, temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";
import { closedPort } from "../support/servers.ts";

const page = readFileSync(new URL("../../../../docs/fetch.md", import.meta.url), "utf8");

/** The first cells of a table, without their quotes. */
function firstCells(section: string): string[] {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const rows = text
    .split("\n## ")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) => row.split("|")[1]!.replaceAll("`", "").trim());
}

describe("the guide page", () => {
  test("its first lines run as they stand", async () => {
    const folder = temporaryFolder();
    const [, script = ""] = /```sh\n([^]*?)```/.exec(page) ?? [];
    const port = await closedPort();
    const { code, stdout, stderr } = await shell(
      `cd "$FOLDER"; snowshed() { $SNOWSHED "$@"; }
       ${script.replaceAll("8765", String(port)).replace("seq -f", `until (: < /dev/tcp/127.0.0.1/${port}) 2>/dev/null; do :; done; seq -f`)}`,
      { FOLDER: folder },
    );
    expect(stderr).toMatch(/200 requests in .*: 200 ok\n[^]*200 requests in .*: 200 ok\n/);
    expect(stdout.split("\n").filter((line) => line.includes('"status":"ok"'))).toHaveLength(202);
    expect(code).toBe(0);
    expect(bodies(`${folder}/pages`)).toHaveLength(200);
  });

  test("lists exactly the options there are, with their defaults", async () => {
    const { stdout } = await run(["fetch", "--help"]);
    const options = [...stdout.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)( <\w+>)?/gm)].map(
      ([, short, long, value = ""]) => (short === undefined ? "" : `${short}, `) + long! + value,
    );
    expect(firstCells("Options")).toEqual(options.filter((option) => option !== "-h, --help"));
    for (const [, option, preset] of page.matchAll(/^\| (?:`-\w`, )?`(--[\w-]+)[^|]*\| `([^`]+)` \|/gm)) {
      if (option === "--method") continue;
      const described = new RegExp(`${option}\\b[^]*?\\(default: ([^)]+)\\)`).exec(stdout)?.[1];
      expect([option, described]).toEqual([option, preset]);
    }
  });

  test("lists exactly the error codes there are", () => {
    // The compiler checks that the list has all of them, and no others.
    const codes: Record<FailureCode, true> = {
      BAD_ENCODING: true,
      BAD_REDIRECT: true,
      BAD_RESPONSE: true,
      BODY_TOO_LARGE: true,
      CANCELED: true,
      CONNECTION_FAILED: true,
      CONNECTION_REFUSED: true,
      CONNECTION_RESET: true,
      DEADLINE: true,
      DNS: true,
      HEADERS_TOO_LARGE: true,
      HTTP_STATUS: true,
      INTERNAL: true,
      TIMEOUT: true,
      TLS: true,
      TOO_MANY_OPEN_FILES: true,
      TOO_MANY_REDIRECTS: true,
      TRUNCATED: true,
      WRITE_FAILED: true,
    };
    expect(firstCells("Error codes").toSorted()).toEqual(Object.keys(codes));
  });
});
