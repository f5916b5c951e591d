import { failureText, findProgram, runProgram } from "../run-program.ts";
import { ChaosRefusal, isLoopback, toEndpoint } from "../targets.ts";
import type { Engine } from "./engine.ts";
import { faultFields, nothing, notOf, positive } from "./engine.ts";

/**
 * Packets to a port of this machine, by nftables: loss, black-hole, reset. They are dropped where they arrive: one that is
 * dropped where it leaves is known to the sender's TCP at once, which no network does.
 */
export const nftEngine: Engine = {
  missing: async (_, { env }) => {
    if (findProgram("nft", env) === null) return "nft is not on the PATH: apt-get install nftables";
    const result = await runProgram("nft", ["list", "tables"], { env });
    return result.code === 0 ? null : `nft cannot be used here (${failureText(result)}): it needs root and nf_tables`;
  },
  plan: async (fault, { experiment, allowed, env }) => {
    const fields = faultFields(fault);
    if (typeof fault.target !== "string") throw new ChaosRefusal("the target of the engine nft is host:port");
    const target = toEndpoint(fault.target, "target");
    allowed.endpoint(target);
    if (!isLoopback(target.host))
      throw new ChaosRefusal("the engine nft injects into this machine: the target is an address of loopback");
    const family = target.host === "::1" ? "ip6" : "ip";
    const match = `${family} daddr ${target.host} tcp dport ${target.port}`;
    let rule: string;
    if (fault.kind === "loss") {
      const share = Math.max(1, Math.round(positive(fields, "percent", fault.kind) * 100));
      // It refuses to compare with what is never reached.
      rule = share >= 10_000 ? `${match} drop` : `${match} numgen random mod 10000 < ${share} drop`;
    } else if (fault.kind === "black-hole") rule = `${match} drop`;
    else if (fault.kind === "reset") rule = `${match} reject with tcp reset`;
    else throw notOf(fault);
    fields.end();
    const table = `snowshed_${experiment.replaceAll("-", "_")}`;
    // A reset can be sent from the input hook, not from the one before routing.
    const hook = fault.kind === "reset" ? "input" : "prerouting";
    // Its grammar wants the end of a line before a closing brace.
    const chain = [`type filter hook ${hook} priority -300; policy accept;`, rule];
    const script = [`table inet ${table} {`, "chain fault {", ...chain, "}", "}"].join("\n");
    return {
      description: `nftables: ${fault.kind} at ${fault.target}`,
      steps: [`nft -f - <<< '${script}'`],
      undo: [
        {
          kind: "program",
          program: "nft",
          args: ["delete", "table", "inet", table],
          gone: ["No such file or directory"],
          check: { args: ["list", "table", "inet", table], says: null },
        },
      ],
      prepare: nothing,
      inject: async () => {
        const result = await runProgram("nft", ["-f", "-"], { env, input: `${script}\n` });
        if (result.code !== 0) throw new Error(`nft: ${failureText(result)}`);
      },
      heal: nothing,
      close: nothing,
    };
  },
};
