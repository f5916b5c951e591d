import { expect, test } from "vitest";
import { start } from "../support/child.ts";

test("the demonstration shows what it promises", { timeout: 30_000 }, async () => {
  const { code, stdout, stderr } = await start(["fetch", "--example"]).ended;
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/\d+ of 200 calls answered/);
  const rows = new Map(stdout.split("\n").map((line) => [line.split(" ")[0]!, line.trim().split(/ {2,}/)]));
  // server, trouble, asked, fresh, cached, failed, not sent, time
  for (const [server, requests] of [
    ["fast", 30],
    ["flaky", 20],
    ["limited", 10],
    ["slow", 40],
    ["hanging", 40],
    ["trickling", 20],
    ["dead", 40],
  ] as const) {
    const [asked, fresh, cached, failed, notSent] = rows.get(server)!.slice(2, 7).map(Number);
    expect([server, asked, fresh! + cached! + failed! + notSent!]).toEqual([server, requests, requests]);
    if (["slow", "hanging", "trickling", "dead"].includes(server)) expect([server, fresh]).toEqual([server, 0]);
    if (server === "dead") expect([notSent, cached! > 0]).toEqual([0, true]);
  }
  expect(stdout).toContain("its deadline of 8 s");
});
