import type { Socket } from "node:net";
import type { Toxic } from "./toxics.ts";

/** What waits in one direction of one connection before the other end is slowed down. */
const mostWaiting = 4 * 1024 * 1024;

interface Piece {
  /** Null: the sender has ended its side. */
  readonly bytes: Buffer | null;
  readonly at: number;
  /** Drawn when it came, so that its delay stays the same when it is looked at again. */
  readonly jitter: number;
  readonly luck: number;
}

/**
 * One direction of a connection. What comes in goes out in the same order, every byte of it or none after the first that
 * does not: a client that loses a piece in the middle pairs answers with the wrong questions.
 */
export class Link {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #toxics: () => readonly Toxic[];
  readonly #waiting: Piece[] = [];
  #size = 0;
  /** The limit of bytes that counts, by its name, and how many have passed since it does. */
  #limit: string | undefined;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFull = false;
  /** Not before: what the bandwidth, or a slice, leaves. */
  #notBefore = 0;

  constructor(from: Socket, to: Socket, toxics: () => readonly Toxic[]) {
    this.#from = from;
    this.#to = to;
    this.#toxics = toxics;
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    from.on("end", () => this.#take(null));
    to.on("drain", () => {
      this.#isFull = false;
      this.pump();
    });
  }

  /** The toxics are others now: what a slice or the bandwidth still waited for is over. */
  changed(): void {
    this.#notBefore = 0;
    const limit = this.#toxics().find(({ type }) => type === "limit_data")?.name;
    if (limit !== this.#limit) this.#sent = 0;
    this.#limit = limit;
    this.pump();
  }

  /** Sends what may go now. */
  pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const toxics = this.#toxics();
    while (this.#waiting.length > 0 && !this.#isFull && !this.#to.destroyed && !this.#to.connecting) {
      if (toxics.some(({ type }) => type === "black_hole" || type === "timeout")) return;
      const first = this.#waiting[0]!;
      const due = Math.max(first.at + delayOf(first, toxics), this.#notBefore);
      const left = due - performance.now();
      if (left > 0) {
        this.#timer = setTimeout(() => this.pump(), left);
        return;
      }
      if (this.#send(first, toxics)) this.#waiting.shift();
    }
    if (this.#size < mostWaiting) this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #take(bytes: Buffer | null): void {
    this.#waiting.push({ bytes, at: performance.now(), jitter: Math.random() * 2 - 1, luck: Math.random() * 100 });
    this.#size += bytes?.length ?? 0;
    // The sender is to wait, as it would behind a full buffer of the network.
    if (this.#size >= mostWaiting) this.#from.pause();
    if (this.#waiting.length === 1) this.pump();
  }

  /** Whether all of it is gone; with a bandwidth or a slicer, a part goes and the rest is first in the row. */
  #send(piece: Piece, toxics: readonly Toxic[]): boolean {
    if (piece.bytes === null) {
      this.#to.end();
      return true;
    }
    const part = this.#partOf(piece.bytes, toxics);
    const limit = toxics.find(({ type }) => type === "limit_data");
    this.#size -= part.length;
    this.#sent += part.length;
    if (!this.#to.write(part)) this.#isFull = true;
    if (limit !== undefined && this.#sent >= limit.attributes["bytes"]!) {
      this.#to.end();
      this.#from.destroy();
      this.stop();
      return false;
    }
    if (part.length === piece.bytes.length) return true;
    this.#waiting[0] = { ...piece, bytes: piece.bytes.subarray(part.length) };
    return false;
  }

  #partOf(bytes: Buffer, toxics: readonly Toxic[]): Buffer {
    let length = bytes.length;
    const now = performance.now();
    for (const { type, attributes } of toxics) {
      if (type === "slicer") {
        length = Math.min(length, Math.max(1, attributes["average_size"]!));
        this.#notBefore = Math.max(this.#notBefore, now + attributes["delay"]! / 1000);
      } else if (type === "limit_data") {
        length = Math.min(length, Math.max(0, attributes["bytes"]! - this.#sent));
      } else if (type === "bandwidth") {
        const perMs = Math.max(attributes["rate"]!, 0.001);
        // A tenth of a second at a time: what is slow is to trickle, not to come in lumps.
        length = Math.min(length, Math.max(1, Math.round(perMs * 100)));
        this.#notBefore = now + length / perMs;
      }
    }
    return bytes.subarray(0, length);
  }
}

function delayOf({ bytes, jitter, luck }: Piece, toxics: readonly Toxic[]): number {
  let delay = 0;
  for (const { type, attributes } of toxics) {
    if (type === "latency") delay += Math.max(0, attributes["latency"]! + jitter * attributes["jitter"]!);
    else if (type === "loss" && luck < attributes["percent"]!) delay += attributes["hold"]!;
    else if (type === "slow_close" && bytes === null) delay += attributes["delay"]!;
  }
  return delay;
}
