import type { Site } from "./site.ts";
import { captureSite } from "./site.ts";

/** Of tasks, at most so many are noted between two sweeps when they are sampled: it is the dearest part of a record. */
const mostSampled = 100;
/** Of other things, so many: their texts are made in one go, at the sweep. */
const mostTexts = 2000;

/** Decides of what is noted where it was made. @internal */
export class SiteNotes {
  readonly #every: number;
  #skipped: number;
  #left = mostSampled;
  /** Sites whose text is not made yet and that belong to no task. */
  #open: Site[] = [];

  /** `every`: of one task in so many; 1: of all, and of other things, too; `Infinity`: of none. */
  constructor(every: number) {
    this.#every = this.#skipped = every;
  }

  /** Of a task. `below`: the function whose caller's caller is meant. */
  ofTask(below: (...values: never) => unknown): Site | null {
    if (++this.#skipped < this.#every || (this.#every > 1 && this.#left <= 0)) return null;
    this.#skipped = 0;
    this.#left--;
    return captureSite(below);
  }

  /** Of something else. */
  ofThing(below: (...values: never) => unknown): Site | null {
    if (this.#every > 1 || this.#open.length >= mostTexts) return null;
    const site = captureSite(below);
    if (site !== null) this.#open.push(site);
    return site;
  }

  sweep(): void {
    this.#left = mostSampled;
    for (const site of this.#open) site.format();
    this.#open = [];
  }
}
