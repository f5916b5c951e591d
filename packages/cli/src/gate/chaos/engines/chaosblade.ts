import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultConfig } from "../../config/chaos-section.ts";
import type { ProgramResult } from "../run-program.ts";
import { failureText, findProgram, runProgram } from "../run-program.ts";
import { ChaosRefusal, toEndpoint } from "../targets.ts";
import type { Undo } from "../undo.ts";
import type { Engine, EngineContext } from "./engine.ts";
import { faultFields, nothing, notOf, positive, targetFields } from "./engine.ts";

interface Blade {
  readonly scope: "host" | "pod";
  readonly action: "delay" | "loss";
  /** What ChaosBlade calls matchers in a resource, and flags on the command line. */
  readonly flags: readonly (readonly [name: string, value: string])[];
  readonly via: "cli" | "resource";
  readonly kubeconfig: string | undefined;
}

/** Pods are looked up, and tools are copied into them. */
const slowestMs = 120_000;

const install = "install it from github.com/chaosblade-io/chaosblade/releases";

/**
 * ChaosBlade, by its command or by the resource of its operator. The target is `{ namespace, labels, interface, port }`
 * for pods, `{ host: 127.0.0.1, interface, port }` for this machine.
 */
export const chaosbladeEngine: Engine = {
  missing: async (fault, { env }) => {
    const program = fault.target instanceof Object && fault.target["via"] === "resource" ? "kubectl" : "blade";
    if (findProgram(program, env) !== null) return null;
    return `${program} is not on the PATH${program === "blade" ? `: ${install}` : ""}`;
  },
  plan: async (fault, context) => {
    const blade = bladeOf(fault, context);
    return blade.via === "cli" ? planCommand(blade, context) : planResource(blade, context);
  },
};

function bladeOf(fault: FaultConfig, { allowed }: EngineContext): Blade {
  const fields = faultFields(fault);
  const target = targetFields(fault);
  const flags: [string, string][] = [];
  const action = fault.kind === "loss" ? "loss" : "delay";
  if (fault.kind === "latency" || fault.kind === "jitter") {
    flags.push(["time", String(positive(fields, "delayMs", fault.kind))]);
    const offset = fault.kind === "jitter" ? positive(fields, "jitterMs", fault.kind) : fields.number("jitterMs", 0);
    if (offset > 0) flags.push(["offset", String(offset)]);
  } else if (fault.kind === "loss") flags.push(["percent", String(positive(fields, "percent", fault.kind))]);
  else throw notOf(fault);
  fields.end();
  const namespace = target.optionalText("namespace");
  const host = target.optionalText("host");
  const labels = target.optionalText("labels");
  const names = target.optionalText("names");
  const port = String(target.number("port", 0));
  const device = target.optionalText("interface") ?? (namespace === undefined ? "lo" : "eth0");
  flags.push(["interface", device]);
  const via = target.optionalText("via") ?? "cli";
  const kubeconfig = target.optionalText("kubeconfig");
  target.end();
  if (via !== "cli" && via !== "resource") throw new ChaosRefusal("via must be cli or resource");
  // A delay of everything on the interface takes the machine's own control with it.
  if (port === "0")
    throw new ChaosRefusal("the engine chaosblade needs target.port: without it the whole interface is hit");
  flags.push(["local-port", port]);
  if (namespace !== undefined) {
    allowed.namespace(namespace);
    if (labels === undefined && names === undefined) {
      throw new ChaosRefusal(
        "the engine chaosblade needs target.labels or target.names: without them all pods are hit",
      );
    }
    flags.push(["namespace", namespace]);
    if (labels !== undefined) flags.push(["labels", labels]);
    if (names !== undefined) flags.push(["names", names]);
  } else if (host === undefined) {
    throw new ChaosRefusal(
      "the engine chaosblade needs target.namespace, which ChaosBlade requires for pods, or target.host",
    );
  } else {
    if (via === "resource") throw new ChaosRefusal("via: resource is for pods");
    allowed.endpoint(toEndpoint(`${host}:${port}`, "target.host"));
    // What it hits is the port on the interface, whatever else the address says.
    if (networkInterfaces()[device]?.some(({ address }) => address === host) !== true)
      throw new ChaosRefusal(`${host} is no address of the interface ${device} of this machine`);
  }
  // Its own timer, should all else fail: a little after the fault is to end.
  flags.push(["timeout", String(Math.ceil(fault.durationS) + 30)]);
  return { scope: namespace === undefined ? "host" : "pod", action, flags, via, kubeconfig };
}

function planCommand({ scope, action, flags, kubeconfig }: Blade, { env }: EngineContext): ReturnType<Engine["plan"]> {
  // Chosen here, so that the journal has it before there is a fault.
  const uid = randomBytes(8).toString("hex");
  const words = scope === "pod" ? ["k8s", "pod-network", action] : ["network", action];
  const args = ["create", ...words, ...flags.flatMap(([name, value]) => [`--${name}`, value]), "--uid", uid];
  if (kubeconfig !== undefined && scope === "pod") args.push("--kubeconfig", kubeconfig);
  const undo: Undo = {
    kind: "program",
    program: "blade",
    args: ["destroy", uid],
    gone: ["the experiment not found", "data not found", "record not found"],
    check: { args: ["status", uid], says: '"Destroyed"' },
  };
  return Promise.resolve({
    description: `ChaosBlade ${words.join(" ")}`,
    steps: [`blade ${args.join(" ")}`],
    undo: [undo],
    slowestMs,
    prepare: nothing,
    inject: async () => {
      const result = await runProgram("blade", args, { env, timeoutMs: slowestMs });
      const { success, error } = answerOf(result);
      // It says that it succeeded, with an error beside it, when its own process has not started.
      if (result.code !== 0 || success !== true || error !== undefined)
        throw new Error(`blade: ${error ?? failureText(result)}`);
    },
    heal: nothing,
    close: nothing,
  });
}

/** `{"code":200,"success":true,"result":"…"}`, or `{"code":…,"success":false,"error":"…"}`. */
function answerOf({ stdout, stderr }: ProgramResult): { readonly success?: unknown; readonly error?: string } {
  for (const text of [stdout, stderr]) {
    try {
      const answer = JSON.parse(text) as { readonly success?: unknown; readonly error?: unknown } | null;
      const error = typeof answer?.error === "string" && answer.error !== "" ? { error: answer.error } : {};
      return { success: answer?.success, ...error };
    } catch {
      // It says more than its answer, or something else.
    }
  }
  return {};
}

function planResource(
  { action, flags, kubeconfig }: Blade,
  { env, experiment }: EngineContext,
): ReturnType<Engine["plan"]> {
  const name = `snowshed-${experiment}-${randomBytes(4).toString("hex")}`;
  const matchers = flags.map(([matcher, value]) => ({ name: matcher, value: [value] }));
  const resource = {
    apiVersion: "chaosblade.io/v1alpha1",
    kind: "ChaosBlade",
    metadata: { name, labels: { "app.kubernetes.io/managed-by": "snowshed" } },
    spec: { experiments: [{ scope: "pod", target: "network", action, desc: `snowshed ${experiment}`, matchers }] },
  };
  const kubectl = (...args: readonly string[]): string[] => [
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...args,
  ];
  const get = kubectl("get", "chaosblade", name, "-o", "json");
  const undo: Undo = {
    kind: "program",
    program: "kubectl",
    // Its finalizers are the usual trouble: it waits for them, and says so when they do not end.
    args: kubectl("delete", "chaosblade", name, "--ignore-not-found", "--wait=true", "--timeout=50s"),
    gone: ["(NotFound)"],
    check: { args: get, says: null },
  };
  return Promise.resolve({
    description: `ChaosBlade resource ${name}: pod network ${action}`,
    steps: [`kubectl ${kubectl("apply", "-f", "-").join(" ")} < ${JSON.stringify(resource)}`],
    undo: [undo],
    slowestMs,
    prepare: nothing,
    inject: async () => {
      const applied = await runProgram("kubectl", kubectl("apply", "-f", "-"), {
        env,
        input: JSON.stringify(resource),
      });
      if (applied.code !== 0) throw new Error(`kubectl apply: ${failureText(applied)}`);
      for (const end = performance.now() + 60_000; ;) {
        const result = await runProgram("kubectl", get, { env });
        const { status } = JSON.parse(result.code === 0 ? result.stdout : "{}") as {
          readonly status?: { readonly phase?: string };
        };
        if (status?.phase === "Running") return;
        if (status?.phase === "Error" || performance.now() > end) {
          throw new Error(
            `the resource ${name} is ${status?.phase ?? "not there"}: ${JSON.stringify(status ?? {}).slice(0, 500)}`,
          );
        }
        await sleep(500);
      }
    },
    heal: nothing,
    close: nothing,
  });
}
