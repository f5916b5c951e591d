import { Command, Option } from "../commander.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";
import { duration } from "./option-values.ts";

const epilogue = `
The address: redis://[user:password@]host[:6379][/database], rediss:// with TLS, a member of a Cluster also;
etcd://[user:password@]host[:2379], etcds:// with TLS. Without one, $REDIS_URL or $ETCD_ENDPOINTS is taken: what stands
in the arguments of a program can be read by others on the machine.

Exit codes: 0 shown or released; 1 the server cannot be asked, or there is no such semaphore or lease; 2 wrong usage;
130 Ctrl-C.

Examples:
  snowshed locks redis://127.0.0.1:6379            # every semaphore: who holds, who waits, since when
  snowshed locks etcd://127.0.0.1:2379 -n exports  # one of them
  snowshed locks --json | jq '.semaphores[].holders'
  snowshed locks --release 4f1c9d2ab037-1a         # take a lease from a holder that will not give it back; asks first
`;

const protocols = ["redis:", "rediss:", "etcd:", "etcds:"];

interface Flags {
  readonly name?: string;
  readonly prefix?: string;
  readonly release?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly timeout: number;
}

/** The command `locks`; `done` gets its exit code. */
export function locksCommand(io: Io, notes: Notes, done: (exitCode: number) => void): Command {
  return new Command("locks")
    .argument("[url]", "the server; default: $REDIS_URL, else $ETCD_ENDPOINTS")
    .option("-n, --name <name>", "only this semaphore")
    .option("--prefix <text>", "what the keys begin with, if the program gave one to its semaphores")
    .option("--release <id>", "take the lease with this id from its holder")
    .option("-y, --yes", "with --release: do not ask")
    .option("--json", "print JSON on stdout instead of the tables")
    .addOption(
      new Option("-t, --timeout <duration>", "for each answer of the server").argParser(duration).default(5000, "5s"),
    )
    .addHelpText("after", epilogue)
    .action(async (url: string | undefined, flags: Flags) => {
      const { name, prefix, release, yes = false, json = false, timeout } = flags;
      if (timeout === Number.POSITIVE_INFINITY) throw new UsageError("--timeout must be a time");
      if (yes && release === undefined) throw new UsageError("--yes goes with --release");
      const address = addressOf(url, io.env);
      const { runLocks } = await import("../locks/locks.ts");
      done(await runLocks({ url: address, name, prefix, release, yes, json, timeout }, io, notes));
    });
}

function addressOf(given: string | undefined, env: Io["env"]): URL {
  const { REDIS_URL, ETCD_ENDPOINTS } = env;
  const text = given ?? nonEmpty(REDIS_URL) ?? etcdAddress(nonEmpty(ETCD_ENDPOINTS));
  if (text === undefined) {
    throw new UsageError("which server? Give its address, such as redis://127.0.0.1:6379, or set REDIS_URL");
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not the text itself: it may hold a password.
  if (url === undefined || !protocols.includes(url.protocol) || url.hostname === "") {
    throw new UsageError(
      `the address must begin with ${protocols.map((each) => `${each}//`).join(", ")} and name a host`,
    );
  }
  if (url.protocol.startsWith("redis") && !/^\/?\d*$/.test(url.pathname)) {
    throw new UsageError("what follows the host in a Redis address is the number of a database");
  }
  return url;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** The first of the endpoints, in the form of an address. */
function etcdAddress(endpoints: string | undefined): string | undefined {
  const first = endpoints?.split(",", 1)[0]!.trim();
  if (first === undefined) return undefined;
  const plain = first.replace(/^https?:\/\//, "");
  return `${first.startsWith("https:") ? "etcds" : "etcd"}://${plain}`;
}
