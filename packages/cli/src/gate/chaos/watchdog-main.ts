import process from "node:process";
import { heal } from "./journal.ts";

// Started by watchdog.ts with the name of a journal and a number of milliseconds. Its stdin is a pipe that nobody writes
// to: it ends when the process that injected the fault does, however it does. Then, or when the time is over, the fault is
// taken back. If that has been done, there is no journal any more.

const [file = "", time = "0"] = process.argv.slice(2);

// Ctrl-C in a terminal goes to all that run there: this one is what is left then.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

await new Promise<void>((resolve) => {
  process.stdin
    .on("end", resolve)
    .on("error", () => resolve())
    .resume();
  setTimeout(resolve, Math.min(Number(time), 2 ** 31 - 1));
  process.stdout.on("error", () => {});
  process.stdout.write("ready\n");
});
// A tool that is busy for a moment is asked again; what then is left is for `snowshed gate chaos heal`.
for (let attempt = 0; attempt < 5; attempt++) {
  const { failures } = await heal(file, process.env);
  if (failures.length === 0) break;
  await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** attempt));
}
// oxlint-disable-next-line unicorn/no-process-exit -- a stdin that is still open must not hold it
process.exit();
