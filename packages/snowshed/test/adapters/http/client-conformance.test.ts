import { describe, expect, test } from "vitest";
import { checks } from "../../conformance/http-client.ts";
import type { MakeClient } from "../../conformance/http-client-bench.ts";
import { runCheck } from "../../conformance/http-client-bench.ts";
import { fetchClient, fetchOfUndici, platformFetch, undiciRequest } from "./clients.ts";

const clients: Readonly<Record<string, MakeClient>> = {
  "wrapFetch(fetch)": platformFetch,
  "wrapFetch(fetch of undici)": fetchOfUndici,
  "undiciInterceptor, request": undiciRequest,
};

describe.each(Object.entries(clients))("%s", (_name, make) => {
  // Thousands of connections take their time on a busy machine.
  for (const check of checks) test(check.name, { timeout: 60_000 }, () => runCheck(check, make));
});

describe("a client without protection is rejected", () => {
  const unprotected = fetchClient((bare) => bare);
  const passing: string[] = [];

  test.each(checks.map((check) => [check.name, check] as const))("%s", async (_name, check) => {
    const rejected = await runCheck(check, unprotected).then(
      () => false,
      () => true,
    );
    if (!rejected) passing.push(check.name);
  });

  test("but for what any client does", () => {
    expect(passing).toEqual([]);
  });
});
