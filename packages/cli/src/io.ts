import type { Readable, Writable } from "node:stream";

/** Everything the command line touches of the process it runs in. Tests hand in streams of their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; readonly setRawMode?: (isRaw: boolean) => unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user wants to stop; its reason is the name of the signal. */
  readonly interrupt?: AbortSignal;
}
