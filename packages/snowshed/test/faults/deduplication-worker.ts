import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("deduplication-worker.mjs", import.meta.url));

export interface DeliveryPlan {
  readonly kind: "postgres" | "naive" | "redis";
  readonly connection?: object;
  readonly url?: string;
  readonly file?: string;
  readonly name: string;
  readonly keys: readonly string[];
  readonly at: number;
  readonly hold?: string;
  readonly seed: number;
}

type Message =
  | { readonly kind: "written"; readonly key: string }
  | { readonly kind: "done"; readonly counts: Readonly<Record<"applied" | "duplicate" | "failed", number>> };

/** A consumer process. */
export class DeliveryWorker {
  readonly child: ChildProcess;
  /** The event whose effect is written, and whose mark will never be. */
  readonly held: Promise<string>;
  readonly done: Promise<Readonly<Record<"applied" | "duplicate" | "failed", number>>>;

  constructor(plan: DeliveryPlan) {
    this.child = fork(program, [JSON.stringify(plan)], {
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const { child } = this;
    this.held = new Promise((resolve) => {
      child.on("message", (message: Message) => {
        if (message.kind === "written") resolve(message.key);
      });
    });
    this.done = new Promise((resolve, reject) => {
      child.on("message", (message: Message) => {
        if (message.kind === "done") resolve(message.counts);
      });
      child.on("exit", () => reject(new Error("the worker has ended")));
    });
    this.done.catch(() => {});
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }
}
