import type { Fenced } from "./history.ts";

/** Something that many write to, and that takes nothing from who has been followed by another: by the token of each slot. */
export class FencedResource {
  readonly #largest = new Map<number, bigint>();
  accepted = 0;
  /** Writes that came too late, of a holder that another one had followed. */
  refused = 0;

  write(fences: readonly Fenced[]): boolean {
    if (fences.some(({ slot, token }) => token < (this.#largest.get(slot) ?? 0n))) {
      this.refused++;
      return false;
    }
    for (const { slot, token } of fences) {
      this.#largest.set(slot, token);
    }
    this.accepted++;
    return true;
  }
}
