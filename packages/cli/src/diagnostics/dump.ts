import { exitCode } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { dumpJson, writeDump } from "./dump-out.ts";
import { countOf, isStuck } from "./dump-text.ts";
import type { Dump } from "./dump-types.ts";
import type { Watched } from "./find-process.ts";
import { inspect } from "./inspector.ts";
import { look } from "./look.ts";
import { print } from "./print.ts";
import { safeJson, safeText } from "./safe-text.ts";

export interface DumpOptions {
  readonly watched: Watched;
  /** Undefined: stdout. */
  readonly output: string | undefined;
  /** Of tasks. */
  readonly limit: number;
  /** The port of the inspector to ask; undefined: the socket is asked. */
  readonly inspector: number | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Writes down what a process is doing. */
export async function runDump(options: DumpOptions, io: Io, notes: Notes): Promise<number> {
  const { watched, output, limit, inspector: port, timeout } = options;
  let dump: Dump;
  if (port === undefined) {
    dump = await look(watched, timeout, (client) => client.snapshot(limit));
  } else {
    const inspected = await inspect({ watched, port, timeout, limit });
    dump = inspected.dump;
    if (!inspected.isAsBefore) {
      await notes.say(`the inspector at 127.0.0.1:${port} stays open until the event loop of ${watched.id} is free`);
    }
    const [innermost] = dump.stack ?? [];
    if (innermost !== undefined) await notes.say(`process ${watched.id} is in ${safeText(innermost)}`);
  }
  if (output === undefined) {
    await print(dumpJson(dump, safeJson), io);
  } else {
    await writeDump(output, dump);
    await notes.say(`${countOf(dump.tasks.length, "task")} written to ${output}; snowshed view ${output}`);
  }
  return isStuck(dump) ? exitCode.failed : exitCode.ok;
}
