// Consumers with each of the stores, and with none, against real brokers, while processes die and networks fail.
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { arms, DeliveryRun, faultNames } from "./delivery-run.ts";

const rounds = Number(process.env["DELIVERY_ROUNDS"] ?? 3);
/** With three rounds there are many tests beside this one. */
const isLong = rounds > 3;
const chosen = isLong ? arms : (["postgres batch", "redis", "none"] as const);

let run: DeliveryRun | undefined;
beforeAll(async () => {
  run = await DeliveryRun.start(chosen);
}, 240_000);
afterAll(() => run?.stop(), 60_000);

test(`${rounds} rounds of faults: with PostgreSQL nothing is lost, and nothing comes twice`, async () => {
  const unfinished: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const name = faultNames[round % faultNames.length]!;
    const began = performance.now();
    if (!(await run!.round(round))) unfinished.push(`${round}: ${name}`);
    if (!isLong) continue;
    const tallies = await run!.tallies();
    const all = [...tallies].map(
      ([arm, { duplicated, lost, setBack }]) => `${arm} +${duplicated} -${lost} <${setBack}`,
    );
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(`round ${round} ${name} ${seconds} s: ${all.join(", ")}\n`);
  }
  const tallies = await run!.tallies();
  expect(unfinished).toEqual([]);
  for (const [arm, tally] of tallies) {
    if (arm.startsWith("postgres")) expect([arm, tally]).toMatchObject([arm, { duplicated: 0, lost: 0 }]);
    // kafkajs commits late, as the documentation says.
    if (arm !== "postgres kafkajs") expect([arm, tally.setBack]).toEqual([arm, 0]);
  }
  // A mark that is not in the transaction of the effect: of what was under way when its process was killed or stopped, that is at
  // most one event for each handler, some come twice.
  const violent = Array.from({ length: rounds }, (_, round) => faultNames[round % faultNames.length]!);
  const killed = violent.filter((name) => name.startsWith("consumer"));
  const [redis, none] = [tallies.get("redis")!, tallies.get("none")!];
  expect(redis.lost).toBe(0);
  expect(redis.duplicated).toBeLessThanOrEqual(8 * killed.length);
  // The control: that there was something to be kept from coming twice, more than what was written twice.
  expect(none.lost).toBe(0);
  expect(none.duplicated).toBeGreaterThan(none.events / 10);
}, 3_600_000);
