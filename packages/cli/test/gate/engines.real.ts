// The real k6 and toxiproxy-server: `npm run engines`, which builds them. Not part of `npm test`.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { freePort } from "../../../snowshed/test/support/server-programs.ts";
import type { DriverOptions } from "../../src/gate/capacity/drivers/driver.ts";
import { k6 } from "../../src/gate/capacity/drivers/k6.ts";
import type { Sample } from "../../src/gate/capacity/measurement.ts";
import { runCapacity } from "../../src/gate/capacity/run-capacity.ts";
import { AllowList } from "../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../src/gate/chaos/toxiproxy-api.ts";
import { chaosFiles, runChaosStage } from "../support/chaos.ts";
import { temporaryFolder } from "../support/folders.ts";
import { tenPlaces } from "./capacity/ten-places.ts";

vi.setConfig({ testTimeout: 300_000 });

const folder = process.env["SNOWSHED_ENGINES"] ?? "";

async function serve(answer: RequestListener): Promise<URL> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

describe("k6", () => {
  const never = new AbortController().signal;

  async function measured(url: URL, more: Partial<DriverOptions> = {}, signal = never): Promise<Sample> {
    const env = { PATH: folder, HOME: temporaryFolder() };
    const options = { url, stepSeconds: 1, valueBytes: undefined, confirm: false, seed: 1, folder, env, ...more };
    const driver = k6({ driver: "k6", ...options });
    try {
      await driver.open(signal);
      return await driver.measure(3, signal);
    } finally {
      await driver.close();
    }
  }

  /** What this process has started and not waited for. */
  function children(): string[] {
    const tasks = readdirSync("/proc/self/task").map((id) => readFileSync(`/proc/self/task/${id}/children`, "utf8"));
    const names = tasks.flatMap((text) => text.trim().split(" ")).filter((pid) => pid !== "");
    return names.map((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim()).filter((name) => name === "k6");
  }

  test("counts what is answered, goes where no answer leads, and takes no setting of its user", async () => {
    let [asked, strayed] = [0, 0];
    const other = await serve((_, response) => {
      strayed++;
      response.end("x");
    });
    const url = await serve((_, response) => {
      response.writeHead([302, 200, 503, 200][++asked % 4]!, { location: other.href }).end("x");
    });
    const env = { PATH: folder, HOME: temporaryFolder(), K6_MAX_REDIRECTS: "10", K6_RPS: "3", K6_NO_SUMMARY: "true" };
    const sample = await measured(url, { env });
    expect(strayed).toBe(0);
    expect(sample).toMatchObject({ concurrency: 3, invalid: null });
    expect(asked).toBeGreaterThan(20);
    // What was under way at the end may have been answered and not counted.
    expect(sample.errors).toBeGreaterThan(0.2);
    expect(sample.errors).toBeLessThan(0.3);
    expect(sample.p99!).toBeGreaterThanOrEqual(sample.p50!);
  });

  test("a target that refuses, or cuts, counts as nothing; one that is slow is measured as slow", async () => {
    expect((await measured(new URL(`http://127.0.0.1:${await freePort()}/`))).invalid).toBe("no request was answered");
    const cut = await serve((request) => void request.socket.resetAndDestroy());
    expect((await measured(cut)).invalid).toBe("no request was answered");
    const slow = await measured(await serve((_, response) => void setTimeout(() => response.end("x"), 300)));
    expect(slow.p50!).toBeGreaterThan(299);
    expect(slow.throughput).toBeLessThan(3 / 0.299);
    expect(slow.throughput).toBeGreaterThan(0);
  });

  test("refuses less than a second, and what is stopped is gone", async () => {
    const short = await measured(new URL("http://127.0.0.1:9"), { stepSeconds: 0.9 });
    expect(short.invalid).toMatch(/^k6 ended with 104: .*the duration must be at least 1s/);
    const stop = new AbortController();
    let asked = 0;
    const hangs = await serve(() => void asked++);
    const stopped = measured(hangs, { stepSeconds: 600 }, stop.signal);
    await expect.poll(() => asked, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(children()).toEqual(["k6"]);
    stop.abort(new Error("stopped"));
    await expect(stopped).rejects.toThrow("stopped");
    expect(children()).toEqual([]);
  });

  test("a ramp over a server with ten places measures what they allow, and never more", async () => {
    const out = temporaryFolder();
    const { points } = await runCapacity({
      name: "places",
      config: {
        driver: "k6",
        target: await tenPlaces(20),
        ramp: { from: 2, to: 22, step: 4, reps: 5 },
        knee: { methods: ["kneedle", "usl"], minAgreement: 2 },
        stepSeconds: 1,
      },
      headroom: 0.25,
      targets: undefined,
      out,
      folder: out,
      mode: "fresh",
      seed: 1,
      env: { PATH: folder, HOME: out },
      signal: never,
      say: () => Promise.resolve(),
      machine: { calibrate: () => 1, state: () => Promise.resolve({ load: 0, steal: 0, ticks: 1 }) },
    });
    expect(points.map(({ load, repetitions }) => [load, repetitions])).toEqual(
      [2, 6, 10, 14, 18, 22].map((n) => [n, 5]),
    );
    for (const { load, throughput, errors } of points) {
      // A timer may come a millisecond early.
      expect([load, errors, throughput < (Math.min(10, load) * 1060) / 20]).toEqual([load, 0, true]);
      expect(throughput).toBeGreaterThan(0);
    }
  });
});

/** `toxiproxy-server` on a port of its own. */
async function toxiproxy(): Promise<{ readonly api: string; readonly server: ChildProcess }> {
  const port = await freePort();
  const server = spawn(path.join(folder, "toxiproxy-server"), ["-host", "127.0.0.1", "-port", String(port)], {
    stdio: "ignore",
  });
  onTestFinished(() => void server.kill("SIGKILL"));
  const api = `http://127.0.0.1:${port}`;
  await expect
    .poll(
      () =>
        fetch(`${api}/version`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
  return { api, server };
}

async function call(api: string, method: string, where: string, body?: unknown): Promise<readonly [number, string]> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const options = { method, headers: { "user-agent": "test" }, ...(body !== undefined && { body: text }) };
  const response = await fetch(`${api}${where}`, options);
  return [response.status, await response.text()];
}

describe("the API of our own proxy beside Toxiproxy's", () => {
  type Call = readonly [method: string, where: string, body?: unknown];

  /** Of both, as far as it is the same for both. */
  function comparable(text: string, names: ReadonlyMap<string, string>): unknown {
    let named = text;
    for (const [from, to] of names) named = named.replaceAll(from, to);
    try {
      return JSON.parse(named, (key, value: unknown) => {
        if (key === "Logger") return undefined;
        if (key === "proxies") return value ?? [];
        // The real one lists those of upstream first; they are of no influence on the others.
        if (Array.isArray(value) && (key === "toxics" || key === ""))
          return value.toSorted((x: { name: string }, y: { name: string }) => (x.name < y.name ? -1 : 1)) as unknown;
        if (key !== "error" || typeof value !== "string") return value;
        return value.replace(/^(bad request body):.*/, "$1").replace(/^listen .*(address already in use).*/, "$1");
      }) as unknown;
    } catch {
      return "no JSON";
    }
  }

  test("answers the same calls with the same status and the same values, but for what it refuses on purpose", async () => {
    const upstream = (await serve((_, response) => response.end("x"))).host;
    const own = new ToxiproxyApi(new AllowList(undefined));
    const { port } = await own.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(() => own.close());
    const { api: real } = await toxiproxy();
    const ports: string[][] = [[], []];
    for (const each of ports) while (each.length < 6) each.push(`127.0.0.1:${await freePort()}`);
    const calls = ([a = "", b = "", c = "", d = "", e = "", f = ""]: readonly string[]): readonly Call[] => {
      const latency = (more: object): Call => ["POST", "/proxies/a/toxics", { type: "latency", ...more }];
      const one = { name: "p", listen: d, upstream };
      return [
        ["GET", "/version"],
        ["GET", "/proxies"],
        ...["", "{", "[]", {}, { name: "a" }, { name: "", upstream }, { upstream }].map((body): Call => [
          "POST",
          "/proxies",
          body,
        ]),
        ...[
          { name: 1, upstream },
          { name: "a", upstream: 5 },
          { name: "a", listen: a, upstream, enabled: "no" },
        ].map((body): Call => ["POST", "/proxies", body]),
        ["POST", "/proxies", { name: "a", listen: a, upstream }],
        ["POST", "/proxies", { name: "a", listen: b, upstream }],
        ["POST", "/proxies", { name: "b", listen: a, upstream }],
        ["POST", "/proxies", { name: "off", listen: c, upstream, enabled: false }],
        ["GET", "/proxies/b"],
        ["GET", "/proxies/off"],
        ...["{", {}].map((body): Call => ["POST", "/proxies/none", body]),
        ["DELETE", "/proxies/none"],
        ...["", "{", "[]", {}, { enabled: "no" }, { enabled: false }, { enabled: true }, { name: "other" }].map(
          (body): Call => ["POST", "/proxies/a", body],
        ),
        ["PATCH", "/proxies/a", { listen: b }],
        ["PATCH", "/proxies/a", { listen: a }],
        ["GET", "/proxies/none/toxics"],
        ["POST", "/proxies/none/toxics", "{"],
        ...["", "{", "[]", {}, { type: "nope" }].map((body): Call => ["POST", "/proxies/a/toxics", body]),
        latency({}),
        latency({}),
        ...[{ stream: "sideways" }, { stream: "" }, { toxicity: "x" }, { name: 7 }, { attributes: [] }].map(latency),
        ...[
          { attributes: { latency: "5" }, name: "text" },
          { attributes: null, name: "null" },
        ].map(latency),
        latency({ name: "t", stream: "upstream", toxicity: 0, attributes: { latency: 5, unknown: 1 } }),
        ["GET", "/proxies/a/toxics/t"],
        ["GET", "/proxies/a/toxics/none"],
        ["DELETE", "/proxies/a/toxics/none"],
        ["POST", "/proxies/a/toxics/none", "{"],
        ...["", "{", {}, { attributes: { jitter: 5 }, toxicity: 0.5 }, { type: "bandwidth", stream: "upstream" }].map(
          (body): Call => ["POST", "/proxies/a/toxics/t", body],
        ),
        ["POST", "/proxies/a/toxics/t", { attributes: { latency: "x" } }],
        ["PATCH", "/proxies/a/toxics/t", { attributes: { latency: 50 } }],
        ["GET", "/proxies/a/toxics"],
        ...["bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop"].map((type): Call => [
          "POST",
          "/proxies/off/toxics",
          { type },
        ]),
        ["GET", "/proxies"],
        ...["", "{", {}, one, [{ name: "p" }], [{ upstream }], [one, { name: "q" }], []].map((body): Call => [
          "POST",
          "/populate",
          body,
        ]),
        ["GET", "/proxies/p"],
        ["POST", "/populate", [one, { name: "q", listen: e, upstream }]],
        ["POST", "/proxies/q/toxics", { type: "latency" }],
        [
          "POST",
          "/populate",
          [
            { ...one, enabled: false },
            { name: "q", listen: e, upstream },
          ],
        ],
        ["POST", "/populate", [{ name: "q", listen: f, upstream }]],
        ["POST", "/populate", [{ name: "r", listen: f, upstream }]],
        ["GET", "/proxies/r"],
        ["POST", "/reset", "{"],
        ["GET", "/proxies"],
        ["DELETE", "/proxies/a"],
        ["DELETE", "/proxies/a"],
        ["GET", "/proxies"],
      ];
    };
    const answers = async (api: string, listens: readonly string[]): Promise<readonly unknown[]> => {
      const names = new Map([
        [upstream, "upstream"],
        ...listens.map((each, index) => [each, `listen ${index}`] as const),
      ]);
      const all: unknown[] = [];
      for (const [method, where, body] of calls(listens)) {
        const [status, text] = await call(api, method, where, body);
        const asked = comparable(JSON.stringify([method, where, body ?? null]), names);
        all.push([asked, status, status === 204 ? text : comparable(text, names)]);
      }
      return all;
    };
    expect(await answers(`http://127.0.0.1:${port}`, ports[0]!)).toEqual(await answers(real, ports[1]!));

    // What the documentation says is different: the status of the real one, and of ours.
    const toxic = (more: object): Call => ["POST", "/proxies/p/toxics", { type: "latency", ...more }];
    const differences: readonly (readonly [number, number, Call])[] = [
      [201, 400, ["POST", "/proxies", { name: "x/y", listen: "127.0.0.1:0", upstream }]],
      [201, 400, ["POST", "/proxies", { name: "x", listen: "127.0.0.1:0", upstream: "nonsense" }]],
      [201, 403, ["POST", "/proxies", { name: "y", listen: "127.0.0.1:0", upstream: "192.0.2.1:80" }]],
      [200, 400, toxic({ name: "more", toxicity: 2 })],
      [200, 400, toxic({ name: "negative", attributes: { latency: -5 } })],
      [200, 400, toxic({ name: "long", attributes: { latency: 1e12 } })],
      [400, 200, toxic({ name: "half", attributes: { latency: 1.5 } })],
      [400, 200, ["POST", "/proxies/p/toxics", { type: "loss" }]],
    ];
    for (const [theirs, ours, each] of differences) {
      const [[first], [second]] = [await call(real, ...each), await call(`http://127.0.0.1:${port}`, ...each)];
      expect([each, first, second]).toEqual([each, theirs, ours]);
    }
  });
});

describe("the engine toxiproxy", () => {
  const bin = fileURLToPath(new URL("../../dist/bin.js", import.meta.url));

  /** A proxy `p` before a server whose answer has two kilobytes of headers. */
  async function proxied(): Promise<{
    readonly server: ChildProcess;
    readonly toxics: () => Promise<string>;
    readonly experiment: (fault: object, seen: object, proxies?: readonly string[]) => object;
  }> {
    const { host } = await serve((_, response) => response.setHeader("x-pad", "x".repeat(2000)).end("x"));
    const { api, server } = await toxiproxy();
    const [, made] = await call(api, "POST", "/proxies", { name: "p", listen: "127.0.0.1:0", upstream: host });
    const { listen } = JSON.parse(made) as { readonly listen: string };
    const probe = { probe: "http", url: `http://${listen}/`, timeoutMs: 10_000 };
    return {
      server,
      toxics: async () => (await call(api, "GET", "/proxies/p/toxics"))[1].trim(),
      experiment: (fault, seen, proxies = ["p"]) => ({
        id: "real",
        steadyState: [probe],
        fault: { engine: "toxiproxy", target: { url: api, proxies }, durationS: 3, probeEveryMs: 50, ...fault },
        faultSeen: { ...probe, ...seen },
        recover: { withinS: 60, expect: ["steady-state"] },
      }),
    };
  }

  test("each kind that it knows is seen, taken back and gone", async () => {
    const { experiment, toxics } = await proxied();
    for (const [fault, seen] of [
      [{ kind: "latency", delayMs: 800, jitterMs: 50 }, { minMs: 700 }],
      [{ kind: "jitter", jitterMs: 800 }, { minMs: 700 }],
      [{ kind: "bandwidth", bytesPerSecond: 1000 }, { minMs: 700 }],
      [{ kind: "reset" }, { fails: true }],
      [{ kind: "reset", delayMs: 50, stream: "upstream" }, { fails: true }],
    ]) {
      const { code, stage } = await runChaosStage(chaosFiles([experiment(fault!, seen!)]));
      const { outcome, message } = stage!.facts.experiments![0]!;
      expect([fault, code, outcome, message]).toEqual([fault, 0, "recovered", message]);
      expect(await toxics()).toBe("[]");
    }
  });

  test("what it does not know is refused, nothing is left, and it is no pass", async () => {
    const { experiment, toxics } = await proxied();
    for (const fault of [
      { kind: "loss", percent: 50 },
      { kind: "half-open" },
      { kind: "black-hole" },
      { kind: "latency", delayMs: 100, connectLatencyMs: 100 },
      { kind: "latency", delayMs: 100.5 },
      { kind: "bandwidth", bytesPerSecond: 1500 },
    ]) {
      const { code, stage } = await runChaosStage(chaosFiles([experiment(fault, { fails: true })]));
      const { message } = stage!.facts.experiments![0]!;
      expect([fault, code, message]).toEqual([fault, 3, expect.stringContaining("toxiproxy-server knows latency")]);
      expect(await toxics()).toBe("[]");
    }
    const latency = { kind: "latency", delayMs: 100 };
    const missing = await runChaosStage(chaosFiles([experiment(latency, { minMs: 90 }, ["p", "none"])]));
    expect([missing.code, missing.stage?.facts.experiments?.[0]?.message]).toEqual([
      3,
      expect.stringContaining("GET /proxies/none: 404"),
    ]);
  });

  test("kill -9 of the gate: the watchdog takes it back; a server that goes away takes its faults with it", async () => {
    const { experiment, toxics, server } = await proxied();
    const endless = experiment({ kind: "latency", delayMs: 100, durationS: 600 }, { minMs: 90 });
    const files = chaosFiles([endless]);
    const journals = (): string[] => (existsSync(files.state) ? readdirSync(files.state) : []);
    const gate = spawn(process.execPath, [bin, "gate", "chaos", "run", "-c", files.config], {
      env: files.env,
      stdio: "ignore",
    });
    onTestFinished(() => void gate.kill("SIGKILL"));
    await expect.poll(toxics, { timeout: 60_000 }).not.toBe("[]");
    expect(journals()).toHaveLength(1);
    gate.kill("SIGKILL");
    await expect.poll(async () => [await toxics(), journals()], { timeout: 60_000 }).toEqual(["[]", []]);

    const short = experiment({ kind: "latency", delayMs: 100, durationS: 2 }, { minMs: 90 });
    const gone = chaosFiles([{ ...short, recover: { withinS: 0.5, expect: ["steady-state"] } }]);
    const ended = runChaosStage(gone);
    await expect.poll(toxics, { timeout: 60_000, interval: 10 }).not.toBe("[]");
    server.kill("SIGKILL");
    const { code, stage } = await ended;
    // Taken back it is; but nobody answers at that address any more.
    expect(stage!.findings.map(({ rule }) => rule)).not.toContain("chaos/fault-is-taken-back");
    expect([1, 3]).toContain(code);
    expect(readdirSync(gone.state)).toEqual([]);
  });
});
