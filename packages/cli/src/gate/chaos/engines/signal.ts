import { readFileSync } from "node:fs";
import process from "node:process";
import type { FaultConfig } from "../../config/chaos-section.ts";
import { checkProcess, listenerOf, startTime } from "../processes.ts";
import { reasonOf } from "../probes/probe.ts";
import type { Endpoint } from "../targets.ts";
import { ChaosRefusal, endpointText, toEndpoint } from "../targets.ts";
import type { Undo } from "../undo.ts";
import type { Engine, EngineContext } from "./engine.ts";
import { faultFields, nothing, notOf, targetFields } from "./engine.ts";

/**
 * kill -9, or SIGSTOP until the fault ends, for a process of this machine: `target: host:port` is the one that listens
 * there, `{ pid }`, `{ pidFile }`, `{ etcdLeader: [endpoints] }`, `{ redisMaster, sentinels }`.
 */
export const signalEngine: Engine = {
  missing: async () => (process.platform === "linux" ? null : "the engine signal needs Linux"),
  plan: async (fault, context) => {
    const fields = faultFields(fault);
    fields.end();
    if (fault.kind !== "kill" && fault.kind !== "pause") throw notOf(fault);
    const pid = await processOf(fault, context);
    checkProcess(pid);
    const started = startTime(pid) ?? "";
    const undo: Undo =
      fault.kind === "pause"
        ? { kind: "continue", pid, startTime: started }
        : { kind: "none", advice: `start the process ${pid} again, if nothing else does` };
    const signal = fault.kind === "pause" ? "SIGSTOP" : "SIGKILL";
    return {
      description: `${signal} to the process ${pid} (${nameOf(pid)})`,
      steps: [`${signal} to the process ${pid} (${nameOf(pid)})`],
      undo: [undo],
      prepare: nothing,
      inject: async () => {
        // Its number may be another's by now.
        if (startTime(pid) !== started) throw new Error(`the process ${pid} has ended`);
        process.kill(pid, signal);
      },
      heal: nothing,
      close: nothing,
    };
  },
};

async function processOf(fault: FaultConfig, { allowed }: EngineContext): Promise<number> {
  const listener = (endpoint: Endpoint): Promise<number> => {
    allowed.endpoint(endpoint);
    return listenerOf(endpoint);
  };
  if (typeof fault.target === "string") return listener(toEndpoint(fault.target, "target"));
  const fields = targetFields(fault);
  const pid = fields.number("pid", 0);
  const file = fields.optionalText("pidFile");
  const etcd = fields.texts("etcdLeader");
  const master = fields.optionalText("redisMaster");
  const sentinels = fields.texts("sentinels");
  fields.end();
  if (etcd !== undefined) return listener(await etcdLeader(etcd));
  if (master !== undefined && sentinels !== undefined) return listener(await redisMaster(master, sentinels));
  const number = file === undefined ? pid : Number(readPid(file));
  if (number === 0)
    throw new ChaosRefusal("the target of the engine signal is host:port, or pid, pidFile, etcdLeader, redisMaster");
  allowed.process(number);
  return number;
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new Error(`the pidFile cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "unknown";
  }
}

async function etcdLeader(endpoints: readonly string[]): Promise<Endpoint> {
  let reason = "none of them says that it leads";
  for (const text of endpoints) {
    const endpoint = toEndpoint(text, "an etcd endpoint");
    try {
      const url = `http://${endpointText(endpoint)}/v3/maintenance/status`;
      const response = await fetch(url, { method: "POST", body: "{}", signal: AbortSignal.timeout(5000) });
      const { leader, header } = (await response.json()) as { leader?: string; header?: { member_id?: string } };
      if (leader !== undefined && leader === header?.member_id) return endpoint;
    } catch (error) {
      reason = reasonOf(error);
    }
  }
  throw new Error(`no leader of etcd is found: ${reason}`);
}

async function redisMaster(name: string, sentinels: readonly string[]): Promise<Endpoint> {
  const { Redis } = await import("ioredis");
  let reason = "";
  for (const text of sentinels) {
    const client = new Redis({
      ...toEndpoint(text, "a Sentinel"),
      lazyConnect: true,
      connectTimeout: 5000,
      retryStrategy: () => null,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const answer = await client.call("SENTINEL", "get-master-addr-by-name", name);
      if (Array.isArray(answer)) return toEndpoint(`${String(answer[0])}:${String(answer[1])}`, "the master");
      reason = `${text} knows no master ${name}`;
    } catch (error) {
      reason = reasonOf(error);
    } finally {
      client.disconnect();
    }
  }
  throw new Error(`the master ${name} is not found: ${reason}`);
}
