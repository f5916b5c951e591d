import { isIP } from "node:net";
import { failureText, findProgram, runProgram } from "../run-program.ts";
import type { Engine } from "./engine.ts";
import { faultFields, nothing, notOf, positive, targetFields } from "./engine.ts";
import { ChaosRefusal, toEndpoint } from "../targets.ts";

/** What the kernel puts there itself. Anything else is somebody's work, which a fault must not take away. */
const usual = /^qdisc (?:noqueue|pfifo_fast|fq_codel|mq|fq) 0: /;

/** Whether this kernel has netem: tried in a network namespace of its own, where it can do no harm. */
export async function hasNetem(env: Readonly<Record<string, string | undefined>>): Promise<string | null> {
  if (findProgram("tc", env) === null) return "tc is not on the PATH: apt-get install iproute2";
  if (findProgram("unshare", env) === null) return "unshare is not on the PATH: apt-get install util-linux";
  const args = ["--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"];
  const result = await runProgram("unshare", args, { env });
  if (result.code === 0) return null;
  return `tc netem cannot be used here (${failureText(result)}): it needs root and sch_netem (modprobe sch_netem)`;
}

/** What leaves through an interface for, or from, one address and port, by tc netem: `target: { interface, host, port }`. */
export const tcEngine: Engine = {
  missing: async (_, { env }) => hasNetem(env),
  plan: async (fault, { allowed, env }) => {
    const fields = faultFields(fault);
    const target = targetFields(fault);
    const device = target.text("interface");
    const endpoint = toEndpoint(`${target.optionalText("host") ?? "127.0.0.1"}:${target.number("port", 0)}`, "target");
    target.end();
    allowed.endpoint(endpoint);
    if (endpoint.port === 0)
      throw new ChaosRefusal("the engine tc needs target.port: without it the whole interface is hit");
    if (isIP(endpoint.host) !== 4)
      throw new ChaosRefusal("the engine tc needs target.host as an IPv4 address: its filter knows no others");
    if (!/^[\w.@-]{1,15}$/.test(device) || device.startsWith("-"))
      throw new ChaosRefusal("target.interface is no name of one");
    const netem: string[] = [];
    if (fault.kind === "latency") {
      netem.push("delay", `${positive(fields, "delayMs", fault.kind)}ms`);
      const jitter = fields.number("jitterMs", 0);
      if (jitter > 0) netem.push(`${jitter}ms`);
    } else if (fault.kind === "jitter") {
      const jitter = positive(fields, "jitterMs", fault.kind);
      netem.push("delay", `${fields.number("delayMs", jitter)}ms`, `${jitter}ms`);
    } else if (fault.kind === "loss") netem.push("loss", `${positive(fields, "percent", fault.kind)}%`);
    else if (fault.kind === "bandwidth") netem.push("rate", `${positive(fields, "bytesPerSecond", fault.kind) * 8}bit`);
    else throw notOf(fault);
    fields.end();
    // Everything goes to the first three bands; only what has the address and the port goes to the fourth, which is slow.
    const filter = (address: "src" | "dst", port: "sport" | "dport"): string[] => [
      ..."filter add dev".split(" "),
      device,
      ..."protocol ip parent 1: prio 1 u32 match ip protocol 6 0xff match ip".split(" "),
      address,
      `${endpoint.host}/32`,
      "match",
      "ip",
      port,
      String(endpoint.port),
      "0xffff",
      "flowid",
      "1:4",
    ];
    const commands = [
      ["qdisc", "add", "dev", device, "root", "handle", "1:", "prio", "bands", "4"],
      ["qdisc", "add", "dev", device, "parent", "1:4", "handle", "40:", "netem", ...netem],
      filter("src", "sport"),
      filter("dst", "dport"),
    ];
    const run = async (args: readonly string[]): Promise<string> => {
      const result = await runProgram("tc", args, { env });
      if (result.code !== 0) throw new Error(`tc ${args.join(" ")}: ${failureText(result)}`);
      return result.stdout;
    };
    return {
      description: `tc netem ${netem.join(" ")} at ${device}, port ${endpoint.port}`,
      steps: commands.map((args) => `tc ${args.join(" ")}`),
      undo: [
        {
          kind: "program",
          program: "tc",
          args: ["qdisc", "del", "dev", device, "root", "handle", "1:", "prio"],
          gone: [
            "Cannot delete qdisc with handle of zero",
            "Invalid handle",
            "No such file or directory",
            "Cannot find specified qdisc",
          ],
        },
      ],
      // Before the journal: its undo would take away what somebody else has put there.
      prepare: async () => {
        const there = (await run(["qdisc", "show", "dev", device, "root"])).trim();
        if (there !== "" && !usual.test(there)) throw new Error(`${device} has a qdisc already: ${there}`);
      },
      inject: async () => {
        for (const args of commands) await run(args);
      },
      heal: nothing,
      close: nothing,
    };
  },
};
