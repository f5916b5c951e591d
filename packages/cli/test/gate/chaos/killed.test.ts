import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { findOrInstall } from "../../../../snowshed/test/support/server-programs.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import type { ChaosFiles } from "../../support/chaos.ts";
import { chaosFiles } from "../../support/chaos.ts";

// Real sockets and processes on a busy machine: what hangs is to be seen, what is slow is not to fail.
vi.setConfig({ testTimeout: 120_000 });

// Gates that are ended in the middle of a fault, as processes of their own.

const bin = fileURLToPath(new URL("../../../dist/bin.js", import.meta.url));

function startGate({ config, env }: ChaosFiles): ChildProcess {
  const gate = spawn(process.execPath, [bin, "gate", "chaos", "run", "-c", config], { env, stdio: "ignore" });
  onTestFinished(() => void gate.kill("SIGKILL"));
  return gate;
}

function journals({ state }: ChaosFiles): string[] {
  return existsSync(state) ? readdirSync(state) : [];
}

/** An API of fault proxies in this process, one for each kind, in front of a server that takes connections. */
async function proxied(): Promise<{
  readonly toxicsOf: (kind: string) => number;
  readonly filesOf: (kind: string, fault: object, name?: string) => Promise<ChaosFiles>;
}> {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const upstream = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const api = new ToxiproxyApi(new AllowList(undefined));
  const { port } = await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  return {
    toxicsOf: (name) => api.proxy(name).toxics.length,
    filesOf: async (kind, figures, name = kind) => {
      const { listen } = await api.create(name, { host: "127.0.0.1", port: 0 }, upstream);
      const probe = { probe: "tcp", target: listen };
      const target = { url: `http://127.0.0.1:${port}`, proxies: [name] };
      return chaosFiles([
        {
          id: name,
          steadyState: [probe],
          fault: { engine: "toxiproxy", target, kind, durationS: 600, ...figures },
          faultSeen: { ...probe, fails: true },
          recover: { withinS: 5, expect: ["steady-state"] },
        },
      ]);
    },
  };
}

const kinds: readonly (readonly [string, object])[] = [
  ["latency", { delayMs: 3000 }],
  ["jitter", { jitterMs: 3000 }],
  ["loss", { percent: 50 }],
  ["bandwidth", { bytesPerSecond: 10 }],
  ["reset", {}],
  ["half-open", {}],
  ["black-hole", { killAtHeal: true }],
];

test("kill -9 in the middle of each fault of a proxy: the watchdog takes every one back", async () => {
  const { toxicsOf, filesOf } = await proxied();
  await Promise.all(
    kinds.map(async ([kind, figures]) => {
      const files = await filesOf(kind, figures);
      const gate = startGate(files);
      await expect.poll(() => toxicsOf(kind), { timeout: 60_000 }).toBeGreaterThan(0);
      expect(journals(files)).toHaveLength(1);
      gate.kill("SIGKILL");
      await expect.poll(() => [toxicsOf(kind), journals(files)], { timeout: 60_000 }).toEqual([0, []]);
    }),
  );
});

test("a closed terminal, SIGTERM and Ctrl-C twice: the fault is taken back", async () => {
  const { toxicsOf, filesOf } = await proxied();
  const cases = [
    ["hangup", ["SIGHUP"], [null, "SIGHUP"]],
    ["term", ["SIGTERM"], [143, null]],
    ["twice", ["SIGINT", "SIGINT"], [130, null]],
  ] as const;
  await Promise.all(
    cases.map(async ([name, signals, ended]) => {
      const files = await filesOf("black-hole", {}, name);
      const gate = startGate(files);
      await expect.poll(() => toxicsOf(name), { timeout: 60_000 }).toBe(2);
      const gone = once(gate, "close");
      for (const signal of signals) gate.kill(signal);
      expect(await gone).toEqual(ended);
      await expect.poll(() => [toxicsOf(name), journals(files)], { timeout: 60_000 }).toEqual([0, []]);
    }),
  );
});

test("kill -9 of the gate and of its watchdog: the fault stays, and heal takes it back, twice if need be", async () => {
  const { toxicsOf, filesOf } = await proxied();
  const files = await filesOf("black-hole", {});
  const gate = startGate(files);
  await expect.poll(() => toxicsOf("black-hole"), { timeout: 60_000 }).toBe(2);
  const [watchdog = "0"] = readFileSync(`/proc/${gate.pid}/task/${gate.pid}/children`, "utf8").trim().split(" ");
  expect(readFileSync(`/proc/${watchdog}/cmdline`, "utf8")).toContain("watchdog-main");
  process.kill(Number(watchdog), "SIGKILL");
  const gone = once(gate, "close");
  gate.kill("SIGKILL");
  await gone;
  expect([toxicsOf("black-hole"), journals(files)]).toEqual([2, [expect.stringMatching(/\.journal$/)]]);
  expect(await once(startGate(files), "close")).toEqual([3, null]);
  for (let time = 0; time < 2; time++) {
    const heal = spawn(process.execPath, [bin, "gate", "chaos", "heal"], { env: files.env, stdio: "ignore" });
    expect(await once(heal, "close")).toEqual([0, null]);
    expect([toxicsOf("black-hole"), journals(files)]).toEqual([0, []]);
  }
});

test("the watchdog is found also below a folder that is called src, such as /usr/src/app", async () => {
  const { filesOf } = await proxied();
  const files = await filesOf("latency", { delayMs: 1, durationS: 0.1 });
  const app = path.join(path.dirname(files.config), "src", "app");
  mkdirSync(app, { recursive: true });
  const own = fileURLToPath(new URL("../../../", import.meta.url));
  symlinkSync(own, path.join(app, "cli"));
  symlinkSync(path.join(own, "../../node_modules"), path.join(app, "node_modules"));
  const flags = ["--preserve-symlinks", "--preserve-symlinks-main", path.join(app, "cli", "dist", "bin.js")];
  const args = [...flags, "gate", "chaos", "run", "-c", files.config];
  const gate = spawn(process.execPath, args, { env: files.env, stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  gate.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  expect(await once(gate, "close")).toEqual([3, null]);
  expect(said).toContain("did not see the fault");
});

describe("nft, for real, in a network of its own", () => {
  let nft: string;
  beforeAll(async () => {
    const places = (): string[] => ["/usr/sbin", "/sbin", "/usr/bin"];
    nft = await findOrInstall({ server: "nftables", names: ["nft", "ip"], places, packages: ["nftables", "iproute2"] });
  }, 300_000);

  const cases: readonly (readonly [string, object])[] = [
    ["black-hole", {}],
    ["reset", {}],
    ["loss", { percent: 100 }],
  ];

  test("each of its faults is seen and taken back; after kill -9 the watchdog does it", async () => {
    // What root may do here is done to a network that nobody else sees; it ends with this process.
    const script = `
      const net = require("net");
      const server = net.createServer((s) => s.on("error", () => {}).end("x"));
      server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;
    const own = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
    const shell = `ip link set lo up && exec "$0" -e '${script}'`;
    const programs = `${nft}:/usr/sbin:/sbin:/usr/bin:/bin`;
    const [unshare, nsenter] = ["/usr/bin/unshare", "/usr/bin/nsenter"];
    const server = spawn(unshare, [...own, "sh", "-c", shell, process.execPath], {
      env: { PATH: programs },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void server.kill("SIGKILL"));
    const [said] = (await once(server.stdout, "data")) as [Buffer];
    const target = `127.0.0.1:${String(said).trim()}`;
    const within = (program: string, ...args: string[]): readonly [string, string[]] => [
      nsenter,
      [
        `--target=${server.pid}`,
        "--net",
        ...(own.length > 1 ? ["--user", "--preserve-credentials"] : []),
        program,
        ...args,
      ],
    ];
    const tables = async (): Promise<string> => {
      const [program, args] = within(`${nft}/nft`, "list", "tables");
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.on("data", (bytes: Buffer) => (text += bytes.toString()));
      await once(child, "close");
      return text;
    };
    const probe = { probe: "tcp", target, timeoutMs: 100 };
    const experiments = cases.map(([kind, figures]) => ({
      id: kind,
      steadyState: [probe],
      fault: { engine: "nft", target, kind, durationS: 0.3, probeEveryMs: 20, ...figures },
      faultSeen: { ...probe, fails: true },
      recover: { withinS: 10, expect: ["steady-state"] },
    }));
    const made = chaosFiles([
      ...experiments,
      { ...experiments[0], id: "long", fault: { ...experiments[0]!.fault, durationS: 600 } },
    ]);
    const files = { ...made, env: { ...made.env, PATH: programs } };
    const [program, args] = within(process.execPath, bin, "gate", "chaos", "run", "-c", files.config);
    const gate = spawn(program, args, { env: files.env, stdio: ["ignore", "ignore", "pipe"] });
    onTestFinished(() => void gate.kill("SIGKILL"));
    let notes = "";
    gate.stderr.on("data", (bytes: Buffer) => (notes += bytes.toString()));
    await expect.poll(tables, { timeout: 60_000 }).toBe("table inet snowshed_long\n");
    expect(notes.match(/^snowshed: (?:black-hole|reset|loss): recovered /gm)).toHaveLength(3);
    gate.kill("SIGKILL");
    await expect.poll(tables, { timeout: 60_000 }).toBe("");
    await expect.poll(() => journals(files), { timeout: 60_000 }).toEqual([]);
  });
});
