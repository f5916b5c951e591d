import type { Position } from "./finding.ts";

/** What a file or a running server says of itself: `redis maxmemory = 0`, `kernel vm.swappiness = 60`. */
export interface Fact extends Position {
  /** Which server or file format it is about: `redis`, `kafka`, `etcd`, `kernel`, `compose`, `kubernetes`. */
  readonly subject: string;
  /** The setting, by the name its server gives it, such as `min.insync.replicas`. */
  readonly name: string;
  /** As written, without quotes. */
  readonly value: string;
  /** Whose it is, of several that one file describes or that were asked; default: the file is about one. */
  readonly server?: string;
  /** What in the configuration led to it, such as `files.redis.0`. */
  readonly path?: readonly (string | number)[];
}
