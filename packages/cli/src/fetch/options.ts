import type { RequestDefaults } from "./request.ts";

/** All a run is told, checked. Durations in milliseconds, `Infinity` for none. */
export interface FetchOptions {
  /** URLs, files, `-` for stdin; none means stdin. */
  readonly inputs: readonly string[];
  readonly concurrency: number;
  readonly perHost: number;
  readonly timeout: number;
  readonly deadline: number;
  readonly retries: number;
  readonly defaults: RequestDefaults;
  readonly output: string | undefined;
  readonly cache: string | undefined;
  readonly fallbackThreshold: number;
  readonly maxBody: number;
  readonly maxRedirects: number;
  readonly resume: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly progress: boolean;
}
