// One suite for every HTTP client with snowshed in it: whatever the user's API is, the protection must be the same.
import type { Check } from "./http-client-bench.ts";
import { ending } from "./http-client-ending.ts";
import { guarding } from "./http-client-guarding.ts";
import { retrying } from "./http-client-retrying.ts";

export const checks: readonly Check[] = [...retrying, ...guarding, ...ending];
