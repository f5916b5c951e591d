import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import type { ChaosFiles } from "../../support/chaos.ts";
import { chaosFiles, runChaosStage } from "../../support/chaos.ts";
import { run } from "../../support/memory-io.ts";

// The tools are not on every machine, and Kubernetes on none: programs that know their flags and answer as they do.

const files = `
const fs = require("node:fs");
const path = require("node:path");
const at = (name) => path.join(__dirname, name);
const args = process.argv.slice(2);
fs.appendFileSync(at("calls.ndjson"), JSON.stringify([path.basename(__filename), ...args]) + "\\n");
const answer = (value, code) => { console.log(JSON.stringify(value)); process.exitCode = code ?? 0; };
`;

const blade = `${files}
const fail = (error) => answer({ code: 54000, success: false, error }, 1);
const flag = (name) => { const i = args.indexOf("--" + name); return i === -1 ? undefined : args[i + 1]; };
const known = new Set("time offset percent interface local-port namespace labels names timeout uid kubeconfig".split(" "));
const [command, ...rest] = args;
if (command === "create") {
  const unknown = args.find((each) => each.startsWith("--") && !known.has(each.slice(2)));
  const lines = fs.readdirSync("/proc").flatMap((pid) => {
    try { return [fs.readFileSync("/proc/" + pid + "/cmdline", "utf8").split("\\0")]; } catch { return []; }
  });
  const watchdog = lines.find((line) => line[2]?.startsWith(process.env.SNOWSHED_STATE_DIR));
  fs.writeFileSync(at("watchdog"), watchdog?.[3] ?? "none");
  if (unknown) fail("unknown flag: " + unknown);
  else if (rest[0] === "k8s" && !flag("namespace")) fail("less required parameter: namespace");
  else if (!flag("interface") || !flag("timeout") || !flag("uid")) fail("less required parameter");
  else if (process.env.BLADE_FAILS) fail("pod not found");
  else { fs.writeFileSync(at(flag("uid")), "Success"); answer({ code: 200, success: true, result: flag("uid"), ...(process.env.BLADE_LIES && { error: "chaos_os process not found" }) }); }
} else if (command === "destroy") {
  if (!fs.existsSync(at(rest[0]))) fail("the experiment not found");
  else {
    if (!process.env.BLADE_STAYS) fs.writeFileSync(at(rest[0]), "Destroyed");
    answer({ code: 200, success: true, result: "command: k8s pod-network delay" });
  }
} else if (command === "status") {
  answer({ code: 200, success: true, result: { Uid: rest[0], Status: fs.readFileSync(at(rest[0]), "utf8") } });
}`;

const kubectl = `${files}
const file = at("resource.json");
if (args[0] === "apply") fs.writeFileSync(file, fs.readFileSync(0));
else if (args[0] === "get") {
  if (process.env.KUBE_DOWN && !fs.existsSync(file)) { console.error("Unable to connect to the server: i/o timeout"); process.exit(1); }
  if (!fs.existsSync(file)) { console.error("Error from server (NotFound)"); process.exit(1); }
  const resource = JSON.parse(fs.readFileSync(file, "utf8"));
  answer({ ...resource, status: { phase: process.env.BLADE_FAILS ? "Error" : "Running" } });
} else if (args[0] === "delete") { if (!process.env.BLADE_STAYS) fs.rmSync(file, { force: true }); }`;

const nft = `${files}
const file = at("table");
if (args[0] === "-f") fs.writeFileSync(file, fs.readFileSync(0));
else if (args[0] === "delete" && fs.existsSync(file)) fs.rmSync(file);
else if (args[0] !== "list" || args[1] !== "tables") {
  if (!fs.existsSync(file)) { console.error("Error: No such file or directory"); process.exit(1); }
}`;

const tc = `${files}
const file = at("qdisc");
if (args[0] === "qdisc" && args[1] === "show") console.log(process.env.TC_HAS ?? "qdisc noqueue 0: dev lo root refcnt 2");
else if (args[0] === "qdisc" && args[1] === "add" && args.includes("prio")) fs.writeFileSync(file, "");
else if (args[0] === "qdisc" && args[1] === "del") {
  if (!fs.existsSync(file)) { console.error("Error: Cannot delete qdisc with handle of zero."); process.exit(2); }
  fs.rmSync(file);
} else if (!fs.existsSync(file)) { console.error("Error: Parent Qdisc doesn't exists."); process.exit(2); }`;

const programs = { blade, kubectl, nft, tc, unshare: "" };

async function openPort(): Promise<number> {
  const server = createServer((socket) => void socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** An experiment whose probe sees that the tool was asked: its program exits with 0 while there is no fault. */
async function faultOf(files: string, fault: object): Promise<object> {
  return {
    id: "net",
    steadyState: [{ probe: "tcp", target: `127.0.0.1:${await openPort()}` }],
    fault: { kind: "latency", delayMs: 3000, durationS: 0.15, probeEveryMs: 20, settleS: 0, ...fault },
    faultSeen: {
      probe: "command",
      command: ["sh", "-c", `! grep -q -e ${files} "$SNOWSHED_STATE_DIR/../bin/calls.ndjson"`],
      fails: true,
    },
    recover: { withinS: 5, expect: ["steady-state"] },
  };
}

function calls({ config }: ChaosFiles): string[] {
  const file = path.join(path.dirname(config), "bin", "calls.ndjson");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return lines.map((line) => (JSON.parse(line) as string[]).join(" "));
}

const pods = { namespace: "kafka", labels: "app=kafka-broker", port: 9092 };

describe("ChaosBlade", () => {
  test("the article's fault, with the namespace, the port and the time it leaves out; destroyed, and asked whether it is", async () => {
    const made = chaosFiles([await faultOf("create", { engine: "chaosblade", target: pods })], {
      programs,
      targets: ["namespace:kafka"],
    });
    const { code, stage } = await runChaosStage(made);
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([0, "recovered"]);
    const [create, destroy, status] = calls(made);
    const [, uid = ""] = /--uid ([0-9a-f]{16})$/.exec(create!) ?? [];
    expect(create).toBe(
      `blade create k8s pod-network delay --time 3000 --interface eth0 --local-port 9092 --namespace kafka --labels app=kafka-broker --timeout 31 --uid ${uid}`,
    );
    expect([destroy, status]).toEqual([`blade destroy ${uid}`, `blade status ${uid}`]);
    // It may take two minutes to inject: the watchdog must not take back what is not there yet, and call it done.
    const watchdog = readFileSync(path.join(path.dirname(made.config), "bin", "watchdog"), "utf8");
    expect(Number(watchdog)).toBeGreaterThanOrEqual(150 + 120_000 + 60_000);
  });

  test("a machine of this one's, with loss", async () => {
    const target = { host: "127.0.0.1", port: 6379, interface: "lo" };
    const made = chaosFiles(
      [await faultOf("create", { engine: "chaosblade", target, kind: "loss", percent: 20, delayMs: undefined })],
      { programs },
    );
    expect((await runChaosStage(made)).code).toBe(0);
    expect(calls(made)[0]).toMatch(
      /^blade create network loss --percent 20 --interface lo --local-port 6379 --timeout 31 --uid /,
    );
  });

  test("a success with an error beside it, as when its own process is not there, is no injection", async () => {
    const made = chaosFiles([await faultOf("create", { engine: "chaosblade", target: pods })], {
      programs,
      targets: ["kafka"],
    });
    const { code, stage } = await runChaosStage({ ...made, env: { ...made.env, BLADE_LIES: "1" } });
    expect([code, stage?.facts.experiments?.[0]?.message]).toEqual([3, expect.stringContaining("process not found")]);
  });

  test("an injection that failed is no pass; a destroy that does nothing blocks, and heal goes on with it", async () => {
    const experiment = await faultOf("create", { engine: "chaosblade", target: pods });
    const made = chaosFiles([experiment], { programs, targets: ["kafka"] });
    const failed = await runChaosStage({ ...made, env: { ...made.env, BLADE_FAILS: "1" } });
    expect([failed.code, failed.stage?.facts.experiments?.[0]?.message]).toEqual([
      3,
      expect.stringContaining("pod not found"),
    ]);
    const again = chaosFiles([experiment], { programs, targets: ["kafka"] });
    const stuck = { ...again.env, BLADE_STAYS: "1" };
    const stays = await runChaosStage({ ...again, env: stuck });
    expect([stays.code, stays.stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/fault-is-taken-back"]]);
    expect(await run(["gate", "chaos", "heal"], { env: stuck })).toMatchObject({ code: 1 });
    expect(await run(["gate", "chaos", "heal"], { env: again.env })).toMatchObject({ code: 0 });
  });

  test("as a resource of its operator: applied, running, deleted, gone", async () => {
    const experiment = await faultOf("apply", { engine: "chaosblade", target: { ...pods, via: "resource" } });
    // Each with calls of its own: those of an earlier run would be a fault that is seen too early.
    const files = (more: object): ChaosFiles => {
      const made = chaosFiles([experiment], { programs, targets: ["namespace:kafka"] });
      return { ...made, env: { ...made.env, ...more } };
    };
    const made = files({});
    const { code } = await runChaosStage(made);
    expect([code, calls(made).map((call) => call.replace(/snowshed-net-\w+/, "NAME"))]).toEqual([
      0,
      [
        "kubectl apply -f -",
        "kubectl get chaosblade NAME -o json",
        "kubectl delete chaosblade NAME --ignore-not-found --wait=true --timeout=50s",
        "kubectl get chaosblade NAME -o json",
      ],
    ]);
    const failed = await runChaosStage(files({ BLADE_FAILS: "1" }));
    expect([failed.code, failed.stage?.facts.experiments?.[0]?.message]).toEqual([
      3,
      expect.stringContaining("could not be injected: the resource snowshed-net-"),
    ]);
    // Who cannot ask does not know that it is gone.
    const down = await runChaosStage(files({ KUBE_DOWN: "1" }));
    expect([down.code, down.stage?.findings[0]?.message]).toEqual([1, expect.stringContaining("Unable to connect")]);
  });

  test.each([
    ["a namespace that is not allowed", { ...pods, namespace: "prod" }],
    ["no namespace", { labels: "app=a", port: 1 }],
    ["no port", { ...pods, port: undefined }],
    ["no labels", { ...pods, labels: undefined }],
    ["another machine", { host: "192.0.2.1", port: 1 }],
    ["a field that is none", { ...pods, label: "a" }],
  ])("%s is refused before anything is run", async (_, target) => {
    const made = chaosFiles([await faultOf("create", { engine: "chaosblade", target })], {
      programs,
      targets: ["namespace:kafka"],
    });
    expect((await runChaosStage(made)).code).toBe(2);
    expect(calls(made)).toEqual([]);
  });

  test("an interface that the allowed address is not of is refused: all of the port there would be hit", async () => {
    const target = { host: "127.0.0.1", port: 1, interface: "eth0" };
    const made = chaosFiles([await faultOf("create", { engine: "chaosblade", target })], { programs });
    const { code, stderr } = await runChaosStage(made);
    expect([code, stderr, calls(made)]).toEqual([
      2,
      expect.stringContaining("is no address of the interface eth0"),
      [],
    ]);
  });

  test("without the program the engine is missing: inconclusive, and said how to get it", async () => {
    const made = chaosFiles([await faultOf("create", { engine: "chaosblade", target: pods })], {
      targets: ["namespace:kafka"],
    });
    const { code, stage } = await runChaosStage(made);
    expect([code, stage?.notes[0]?.message]).toEqual([
      3,
      expect.stringContaining("blade is not on the PATH: install it"),
    ]);
    const planned = await run(["gate", "chaos", "plan", "-c", made.config], { env: made.env });
    expect([planned.code, planned.stdout]).toEqual([3, expect.stringContaining("--namespace kafka")]);
  });
});

describe("nft and tc", () => {
  test.each([
    [
      "loss",
      { percent: 5 },
      "hook prerouting priority -300; policy accept;\nip daddr 127.0.0.1 tcp dport 6379 numgen random mod 10000 < 500 drop\n}",
    ],
    ["black-hole", {}, "tcp dport 6379 drop\n}"],
    [
      "reset",
      {},
      "hook input priority -300; policy accept;\nip daddr 127.0.0.1 tcp dport 6379 reject with tcp reset\n}",
    ],
  ])("nft: %s", async (kind, more, rule) => {
    const fault = { engine: "nft", target: "127.0.0.1:6379", kind, delayMs: undefined, ...more };
    const made = chaosFiles([await faultOf("-f", fault)], { programs });
    const planned = await run(["gate", "chaos", "plan", "-c", made.config], { env: made.env });
    expect(planned.stdout).toContain(rule);
    expect((await runChaosStage(made)).code).toBe(0);
    expect(calls(made).slice(-3)).toEqual([
      "nft -f -",
      "nft delete table inet snowshed_net",
      "nft list table inet snowshed_net",
    ]);
  });

  test("tc: only what has the port is slow, and it is taken away again", async () => {
    const fault = { engine: "tc", target: { interface: "lo", port: 6379 }, jitterMs: 100 };
    const made = chaosFiles([await faultOf("netem", fault)], { programs });
    expect((await runChaosStage(made)).code).toBe(0);
    expect(calls(made).filter((call) => !call.includes("show"))).toEqual([
      "tc qdisc add dev lo root handle 1: prio bands 4",
      "tc qdisc add dev lo parent 1:4 handle 40: netem delay 3000ms 100ms",
      "tc filter add dev lo protocol ip parent 1: prio 1 u32 match ip protocol 6 0xff match ip src 127.0.0.1/32 match ip sport 6379 0xffff flowid 1:4",
      "tc filter add dev lo protocol ip parent 1: prio 1 u32 match ip protocol 6 0xff match ip dst 127.0.0.1/32 match ip dport 6379 0xffff flowid 1:4",
      "tc qdisc del dev lo root handle 1: prio",
    ]);
    // A name may be of any address, and what is not IPv4 the filter does not see.
    for (const host of ["localhost.example.com", "::1"]) {
      const others = { engine: "tc", target: { interface: "lo", host, port: 6379 } };
      const refused = chaosFiles([await faultOf("netem", others)], { programs, targets: [`${host}:*`, `[${host}]:*`] });
      expect((await runChaosStage(refused)).code).toBe(2);
    }
    // What somebody else has put there is not taken away.
    const others = { ...made.env, TC_HAS: "qdisc htb 1: root refcnt 2 r2q 10" };
    const { code, stage } = await runChaosStage({ ...made, env: others });
    expect([code, stage?.facts.experiments?.[0]?.message]).toEqual([3, expect.stringContaining("has a qdisc already")]);
  });
});
