import { expect, test } from "vitest";
import { start } from "../support/child.ts";

test("the demonstration shows what it promises", { timeout: 30_000 }, async () => {
  const { code, stdout, stderr } = await start(["fetch", "--example"]).ended;
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain("200 of 200 calls answered");
  const rows = new Map(stdout.split("\n").map((line) => [line.split(" ")[0]!, line.trim().split(/ {2,}/)]));
  // server, trouble, asked, fresh, cached, failed, not sent, time
  expect(rows.get("fast")!.slice(2, 7)).toEqual(["30", "30", "0", "0", "0"]);
  expect(rows.get("dead")!.slice(2, 7)).toEqual(["40", "0", "40", "0", "0"]);
  const [asked, fresh, cached, failed, notSent] = rows.get("hanging")!.slice(2, 7).map(Number);
  expect([asked, fresh, failed]).toEqual([40, 0, 0]);
  expect(cached! + notSent!).toBe(40);
  expect(stdout).toContain("its deadline of 8 s");
});
