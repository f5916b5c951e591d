import type { Snapshot } from "./snapshot-types.ts";
import { RequestError } from "./socket-request.ts";

/** A page has at most this many characters, so that the loop of the watched program is free again after a few milliseconds. */
const pageSize = 128 * 1024;

/**
 * A snapshot is of one moment and is read in pages: taking it is quick, writing ten thousand tasks down is not. Kept
 * for one client until it has read the last page, asks for another snapshot, or goes.
 *
 * @internal
 */
export class SnapshotPages {
  #entries: readonly (readonly ["tasks" | "resources", object])[] = [];
  #at = 0;
  #number = 0;

  /** The first page of a snapshot: it alone has a `head`, which is all but tasks and resources. JSON. */
  first(snapshot: Snapshot): string {
    const { tasks, resources, ...head } = snapshot;
    this.#number++;
    this.#at = 0;
    this.#entries = [
      ...tasks.map((task) => ["tasks", task] as const),
      ...resources.map((resource) => ["resources", resource] as const),
    ];
    return this.#page(JSON.stringify(head));
  }

  /** The page that begins where the one that named the cursor ended. JSON. */
  following(cursor: string): string {
    if (cursor !== this.#cursor() || this.#at >= this.#entries.length) {
      throw new RequestError("CURSOR_EXPIRED", "the cursor is not that of the page before: begin again");
    }
    return this.#page(null);
  }

  drop(): void {
    this.#entries = [];
  }

  #page(head: string | null): string {
    const lines = { tasks: [] as string[], resources: [] as string[] };
    let size = head?.length ?? 0;
    // At least one, or a name longer than a page would end the walk.
    do {
      const entry = this.#entries[this.#at];
      if (entry === undefined) break;
      const line = JSON.stringify(entry[1]);
      lines[entry[0]].push(line);
      size += line.length;
      this.#at++;
    } while (size < pageSize);
    const isLast = this.#at >= this.#entries.length;
    const next = isLast ? "null" : JSON.stringify(this.#cursor());
    if (isLast) this.drop();
    const first = head === null ? "" : `"head":${head},`;
    return `{${first}"tasks":[${lines.tasks.join(",")}],"resources":[${lines.resources.join(",")}],"next":${next}}`;
  }

  #cursor(): string {
    return `${this.#number}.${this.#at}`;
  }
}
