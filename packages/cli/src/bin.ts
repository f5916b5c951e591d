#!/usr/bin/env node
import { exitCodeOfSignal } from "./exit-code.ts";
import { main } from "./main.ts";

// The global `process`, not an import of node:process: that reads all it has, and so opens the three streams of the process.
const interrupt = new AbortController();

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The first asks for an orderly end, the second means now.
    // oxlint-disable-next-line unicorn/no-process-exit -- nothing may delay the second one
    if (interrupt.signal.aborted) process.exit(exitCodeOfSignal(signal));
    interrupt.abort(signal);
  });
}

const { stdout, stderr, env } = process;
process.exitCode = await main(process.argv.slice(2), {
  // Made by its first use: most commands never read it.
  get stdin() {
    return process.stdin;
  },
  stdout,
  stderr,
  env,
  interrupt: interrupt.signal,
});

// All is written by now. What may still hold the process is a connection attempt nobody waits for any more.
// oxlint-disable-next-line unicorn/no-process-exit
setTimeout(() => process.exit(), 100).unref();
