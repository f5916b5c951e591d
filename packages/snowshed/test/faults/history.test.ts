import { expect, test } from "vitest";
import type { History, Request } from "./history.ts";
import { violationsOf } from "./history.ts";

let token = 0n;
function held(worker: string, slot: number, invoked: number, granted: number, ended: number, weight = 1): Request {
  const fences = Array.from({ length: weight }, (_, index) => ({ slot: slot + index, token: ++token }));
  return { worker, weight, invoked, granted, ended, fences };
}

function history(...requests: Request[]): History {
  return { permits: 2, requests, disturbances: [] };
}

test("nothing is wrong with permits that follow each other", () => {
  const calm = history(
    held("a", 0, 0, 1, 10),
    held("b", 1, 0, 2, 10),
    held("c", 0, 0, 10, 20),
    held("d", 0, 0, 20, 30, 2),
  );
  expect(violationsOf(calm)).toEqual([]);
});

test("one permit too many is found", () => {
  const found = violationsOf(history(held("a", 0, 0, 1, 10), held("b", 1, 0, 2, 10), held("c", 2, 0, 9, 20)));
  expect(found).toEqual(["3 of 2 units were held at 9.0"]);
});

test("a slot with two holders is found, also where there are not too many", () => {
  expect(violationsOf(history(held("a", 0, 0, 1, 10), held("b", 0, 0, 9, 20)))).toEqual([
    "slot 0 was held by a and b at 9.0",
  ]);
});

test("a token that falls, or comes twice, is found", () => {
  const old = { ...held("a", 0, 30, 31, 40), fences: [{ slot: 0, token: 0n }] };
  expect(violationsOf(history(held("b", 0, 0, 1, 10), old))).toEqual([
    expect.stringMatching(/^slot 0: token 0 came after \d+$/),
  ]);
  const first = held("a", 0, 0, 1, 10);
  expect(violationsOf(history(first, { ...held("b", 0, 0, 11, 20), fences: first.fences }))).toEqual([
    expect.stringContaining("was given twice"),
  ]);
});

test("one that was passed over is found, but not when something was done to it", () => {
  const late = held("late", 0, 500, 510, 520);
  const early = held("early", 0, 0, 530, 540);
  expect(violationsOf(history(early, late))).toEqual(["early came 500 ms before late, and was passed over"]);
  const disturbances = [{ worker: "early", from: 10, to: 20 }];
  expect(violationsOf({ permits: 2, requests: [early, late], disturbances })).toEqual([]);
  const served = { permits: 2, requests: [early, late], disturbances: [] };
  expect(violationsOf({ ...served, together: 21 })).toEqual([]);
  expect(violationsOf({ ...served, together: 20 })).toHaveLength(1);
  // Its process had no processor before it could ask.
  expect(violationsOf(history({ ...early, sent: 401 }, late))).toEqual([]);
  expect(violationsOf(history({ ...early, sent: 399 }, late))).toHaveLength(1);
});

test("what was never granted, or ended before its process knew of it, holds nothing", () => {
  const none: Request = { worker: "a", weight: 2, invoked: 0, fences: [] };
  const over = held("b", 0, 0, 10, 10, 2);
  expect(violationsOf(history(none, over, held("c", 0, 0, 1, 30, 2)))).not.toContainEqual(
    expect.stringContaining("held"),
  );
});
