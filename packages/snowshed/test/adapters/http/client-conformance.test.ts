import { describe, expect, test } from "vitest";
import { checks } from "../../conformance/http-client.ts";
import type { Check, MakeClient } from "../../conformance/http-client-bench.ts";
import { runCheck } from "../../conformance/http-client-bench.ts";
import { impatiently } from "../../support/turns.ts";
import { fetchClient, fetchOfUndici, interceptedFetch, platformFetch, undiciRequest } from "./clients.ts";

// Thousands of connections take their time on a busy machine.
const limit = { timeout: 180_000 };

function suite(name: string, make: MakeClient, includes: (check: Check) => boolean): void {
  describe(name, () => {
    for (const check of checks.filter(includes)) test(check.name, limit, () => runCheck(check, make));
  });
}

suite("wrapFetch(fetch)", platformFetch, () => true);
suite("wrapFetch(fetch of undici)", fetchOfUndici, ({ heavy }) => heavy !== true);
suite("undiciInterceptor, request", undiciRequest, () => true);
suite("undiciInterceptor, fetch", interceptedFetch, ({ heavy, needs }) => heavy !== true && needs === undefined);

/** Also without waiting, and whatever it is. */
const eager = fetchClient((fetch) => async (url, init) => {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, init);
    if (response.ok || attempt === 3) return response;
    await response.body?.cancel();
  }
});

const bare = fetchClient((fetch) => fetch);

describe("a client that does not hold is rejected", () => {
  test.each([
    { client: "bare fetch", make: bare, name: "a 503 with Retry-After is asked again after that time" },
    { client: "bare fetch", make: bare, name: "failures of the server open the breaker" },
    { client: "bare fetch", make: bare, name: "a dead port opens the breaker" },
    { client: "bare fetch", make: bare, name: "a slow server is not given more than the limit" },
    { client: "bare fetch", make: bare, name: "a burst waits its turn" },
    { client: "bare fetch", make: bare, name: "without a deadline there is no such header" },
    { client: "bare fetch", make: bare, name: "at the deadline the attempt is aborted" },
    { client: "retrying whatever comes", make: eager, name: "a 503 with Retry-After is asked again after that time" },
    { client: "retrying whatever comes", make: eager, name: "a POST is not sent twice" },
    {
      client: "retrying whatever comes",
      make: eager,
      name: "a server that sheds, or refuses, does not open the breaker",
    },
  ])("$client: $name", limit, async ({ make, name }) => {
    const check = checks.find((each) => each.name.startsWith(name));
    await expect(impatiently(() => runCheck(check!, make))).rejects.toThrow();
  });
});
