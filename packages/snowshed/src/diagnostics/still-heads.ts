import type { Claim, ResourceRecord } from "./records.ts";

/** Who is first in the line for each resource, and since when: looked at now and then. @internal */
export class StillHeads {
  #heads: ReadonlyMap<ResourceRecord, { readonly head: Claim; readonly since: number }> = new Map();

  look(resources: Iterable<ResourceRecord>, now: number): void {
    const heads = new Map<ResourceRecord, { readonly head: Claim; readonly since: number }>();
    for (const resource of resources) {
      const { head } = resource.waits;
      if (head === null) continue;
      const before = this.#heads.get(resource);
      heads.set(resource, before?.head === head ? before : { head, since: now });
    }
    this.#heads = heads;
  }

  /** Whether nobody was served there for `ms`, as far as was looked. */
  isStill(resource: ResourceRecord, now: number, ms: number): boolean {
    if (ms <= 0) return true;
    const seen = this.#heads.get(resource);
    return seen !== undefined && seen.head === resource.waits.head && now - seen.since >= ms;
  }
}
