import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FencedResource } from "./fenced-resource.ts";
import type { Gone } from "../support/rate-check.ts";
import type { Fenced, Request } from "./history.ts";

const program = fileURLToPath(new URL("semaphore-worker.mjs", import.meta.url));

/** Of the semaphore that they share; milliseconds. */
export const permits = 3;
export const lease = 1000;

/** Milliseconds of the clock that all processes share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is left of what `inspect` sees, after two leases at most: what ends by itself has ended then. */
export async function leftOf(
  inspect: () => Promise<{ readonly held: number; readonly queued: number }>,
  ms: number,
): Promise<{ readonly held: number; readonly queued: number }> {
  const until = now() + 2 * ms;
  for (;;) {
    const { held, queued } = await inspect();
    if ((held === 0 && queued === 0) || now() > until) return { held, queued };
    await sleep(50);
  }
}

type Message =
  | { readonly kind: "ready" | "done" }
  | { readonly kind: "invoked"; readonly id: string; readonly weight: number; readonly at: number }
  | { readonly kind: "granted"; readonly id: string; readonly fences: readonly TextFence[]; readonly at: number }
  | { readonly kind: "refused"; readonly id: string; readonly code: string; readonly at: number }
  | { readonly kind: "sent" | "ended"; readonly id: string; readonly at: number }
  | ({ readonly kind: "went" } & Gone)
  | { readonly kind: "write"; readonly fences: readonly TextFence[]; readonly at: number };

interface TextFence {
  readonly slot: number;
  readonly token: string;
}

type Draft = { -readonly [Key in keyof Request]: Request[Key] };

/** A process that uses a semaphore, and what it told of that. */
export class Worker {
  readonly name: string;
  readonly requests = new Map<string, Draft>();
  readonly #resource: FencedResource;
  readonly #start: () => ChildProcess;
  child: ChildProcess;
  isReady = false;
  isDone = false;
  readonly codes = new Map<string, number>();
  /** What it had of the quota. */
  readonly gone: Gone[] = [];

  readonly #deprivations: { readonly from: number; readonly isTaken: (token: bigint) => boolean }[] = [];

  constructor(name: string, options: object, resource: FencedResource) {
    this.name = name;
    this.#resource = resource;
    const order = JSON.stringify({ permits, lease, loops: 3, skew: 0, ...options });
    this.#start = () => fork(program, [order], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.child = this.start();
  }

  start(): ChildProcess {
    this.isReady = false;
    this.isDone = false;
    const child = this.#start();
    child.on("message", (message: Message) => this.#take(message));
    child.on("error", () => {});
    this.child = child;
    return child;
  }

  /** What it held is held no longer: it does not run. */
  stopped(at: number): void {
    for (const request of this.requests.values()) {
      if (request.granted !== undefined) this.#end(request, at);
    }
  }

  /**
   * What has such a token was taken from it by a command that was sent at `from`: also what it hears of only later, since the
   * answer was on its way.
   */
  deprived(from: number, isTaken: (token: bigint) => boolean): void {
    this.#deprivations.push({ from, isTaken });
    for (const request of this.requests.values()) this.#deprive(request);
  }

  #deprive(request: Draft): void {
    for (const { from, isTaken } of this.#deprivations) {
      if (request.fences.some(({ token }) => isTaken(token))) this.#end(request, from);
    }
  }

  #take(message: Message): void {
    switch (message.kind) {
      case "ready":
        this.isReady = true;
        break;
      case "done":
        this.isDone = true;
        break;
      case "write":
        this.#resource.write(fencesOf(message.fences));
        break;
      case "went":
        this.gone.push(message);
        break;
      case "invoked":
        this.requests.set(message.id, { worker: this.name, weight: message.weight, invoked: message.at, fences: [] });
        break;
      case "sent":
        this.requests.get(message.id)!.sent = message.at;
        break;
      case "refused":
        this.codes.set(message.code, (this.codes.get(message.code) ?? 0) + 1);
        break;
      case "granted": {
        const request = this.requests.get(message.id)!;
        Object.assign(request, { granted: message.at, fences: fencesOf(message.fences) });
        this.#deprive(request);
        break;
      }
      case "ended":
        this.#end(this.requests.get(message.id)!, message.at);
        break;
    }
  }

  #end(request: Draft, at: number): void {
    request.ended = Math.min(request.ended ?? Number.POSITIVE_INFINITY, at);
  }
}

function fencesOf(fences: readonly TextFence[]): Fenced[] {
  return fences.map(({ slot, token }) => ({ slot, token: BigInt(token) }));
}

/** With what requests of all of them were refused, and how often. */
export function codesOf(workers: readonly Worker[]): Map<string, number> {
  const codes = new Map<string, number>();
  for (const worker of workers) {
    for (const [code, count] of worker.codes) codes.set(code, (codes.get(code) ?? 0) + count);
  }
  return codes;
}
