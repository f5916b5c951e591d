import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { shell, start } from "../support/child.ts";
import { bodies, parts, temporaryFolder } from "../support/folders.ts";
import { parseLines } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

const urls = (origin: string, count: number): string => {
  const file = path.join(temporaryFolder(), "urls.txt");
  writeFileSync(file, Array.from({ length: count }, (_, index) => `${origin}/${index}\n`).join(""));
  return file;
};

/** A port where connections are neither made nor refused: its process is stopped and its queue is full. */
async function unacceptingPort(): Promise<number> {
  const script = `require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    console.log(this.address().port);
  });`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  child.kill("SIGSTOP");
  const port = Number(line.toString());
  // Those that fit into the queue are made; the first that is not shows that it is full.
  while (true) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    onTestFinished(() => void socket.destroy());
    const made = once(socket, "connect").then(() => true);
    if (!(await Promise.race([made, delay(500, false)]))) return port;
  }
}

const exitCodes = (stderr: string): string | undefined => /^codes (.*)$/m.exec(stderr)?.[1];

describe("an output pipe that is closed", () => {
  test("ends the run quietly, with the code of a broken pipe", async () => {
    let asked = 0;
    const origin = await httpServer((_, response) => {
      asked++;
      response.end();
    });
    const { stdout, stderr } = await shell(
      `$SNOWSHED fetch --quiet "$URLS" --per-host 2 | head -n 1; echo "codes \${PIPESTATUS[*]}" >&2`,
      { URLS: urls(origin, 20_000) },
    );
    expect(parseLines(stdout)).toHaveLength(1);
    expect(exitCodes(stderr)).toBe("141 0");
    expect(stderr).toBe("codes 141 0\n");
    // It did not go on without anybody to tell.
    expect(asked).toBeLessThan(20_000);
  });

  test("also for --json and --help", async () => {
    const { stderr } = await shell(`$SNOWSHED fetch --json - </dev/null | true; echo "codes \${PIPESTATUS[0]}" >&2`);
    // `true` may be gone before or after the one line is written.
    expect(["codes 0\n", "codes 141\n"]).toContain(stderr);
    expect((await shell(`$SNOWSHED fetch --help | head -n 1`)).stderr).toBe("");
  });

  test("on stderr disturbs nobody", async () => {
    const origin = await httpServer((_, response) => response.end());
    const { stdout } = await shell(
      `$SNOWSHED fetch nonsense://x "$URLS" 2> >(true); $SNOWSHED fetch "$URLS" 2> >(true)`,
      {
        URLS: urls(origin, 3),
      },
    );
    expect(parseLines(stdout)).toHaveLength(3);
  });
});

describe("a disk that is full", () => {
  test("under stdout: one line, exit code 1", async () => {
    const origin = await httpServer((_, response) => response.end());
    const { stderr } = await shell(
      `for json in "" --json; do $SNOWSHED fetch --quiet $json "$URLS" > /dev/full; echo "codes $?" >&2; done`,
      { URLS: urls(origin, 3) },
    );
    expect(stderr).toBe(
      [
        "snowshed: cannot write the outcomes to stdout: no space left on the disk (ENOSPC)",
        "codes 1",
        "snowshed: cannot write the summary to stdout: no space left on the disk (ENOSPC)",
        "codes 1",
        "",
      ].join("\n"),
    );
  });

  test("under --output: one line, exit code 1, no half body, and the run stops", async () => {
    let asked = 0;
    const origin = await httpServer((_, response) => {
      asked++;
      response.end(Buffer.alloc(200_000));
    });
    const output = temporaryFolder();
    // A limit on the size of files stands for the full disk: it needs no rights, and fails in the middle of a file.
    const { code, stdout, stderr } = await shell(
      `trap '' XFSZ; ulimit -f 100; exec $SNOWSHED fetch --quiet --output "$OUTPUT" --per-host 2 "$URLS" | cat; exit \${PIPESTATUS[0]}`,
      { OUTPUT: output, URLS: urls(origin, 500) },
    );
    expect(stderr).toMatch(/^snowshed: cannot write: [^\n]+ \(EFBIG\)\n$/);
    expect(code).toBe(1);
    expect(bodies(output)).toEqual([]);
    expect(parts(output)).toEqual([]);
    expect(asked).toBeLessThan(500);
    expect(parseLines(stdout).some(({ error }) => error?.code === "WRITE_FAILED")).toBe(true);
  });

  test("under --output, really full where this machine lets us mount one", async () => {
    const mount = path.join(temporaryFolder(), "disk");
    mkdirSync(mount);
    const origin = await httpServer((_, response) => response.end(Buffer.alloc(100_000)));
    // Without the right to mount, the same run on a disk with room must succeed: the test never passes unseen.
    const { stdout, stderr } = await shell(
      `trap 'umount "$DISK" 2>/dev/null' EXIT
       mount -t tmpfs -o size=1m none "$DISK" 2>/dev/null && echo mounted
       $SNOWSHED fetch --quiet --output "$DISK/out" "$URLS" > "$DISK.ndjson"; echo "codes $?" >&2
       ls -A "$DISK/out" | grep -c '\\.part$'
       find "$DISK/out" -type f -not -name '.*' -size -100000c | wc -l`,
      { DISK: mount, URLS: urls(origin, 40) },
    );
    const mounted = stdout.startsWith("mounted\n");
    expect(stdout.replace("mounted\n", "").split(/\s+/).filter(Boolean)).toEqual(["0", "0"]);
    const outcomes = parseLines(readFileSync(`${mount}.ndjson`, "utf8"));
    if (mounted) {
      expect(stderr).toBe("snowshed: cannot write: no space left on the disk (ENOSPC)\ncodes 1\n");
      expect(outcomes.length).toBeGreaterThan(0);
    } else {
      expect(stderr).toBe("codes 0\n");
      expect(outcomes).toHaveLength(40);
    }
  });
});

describe("the process", () => {
  test("ends by itself when all is done, although the input stays open", async () => {
    const origin = await httpServer((_, response) => response.end("x"));
    const { ended } = start(["fetch", "-", "--deadline", "500ms"], "open");
    expect((await ended).code).toBe(1);
    const { ended: simple } = start(["fetch", origin], undefined);
    expect((await simple).code).toBe(0);
  });

  test("does not outlive its deadline by a connection that nobody takes", async () => {
    const port = await unacceptingPort();
    const { ended } = start(["fetch", `http://127.0.0.1:${port}/`, "--deadline", "300ms", "--timeout", "none"]);
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(parseLines(stdout)[0]!.error!.code).toBe("DEADLINE");
  });

  test("is quiet about warnings of the runtime", async () => {
    const origin = await httpServer((_, response) => response.end("x"));
    const folder = temporaryFolder();
    const { ended } = start(["fetch", origin, "--quiet", "--output", folder, "--cache", path.join(folder, "cache")]);
    expect((await ended).stderr).toBe("");
    expect(existsSync(path.join(folder, "cache"))).toBe(true);
  });
});
