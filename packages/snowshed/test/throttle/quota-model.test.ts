// What Quota promises, against integers without bounds and a list of everything that passed.
import fc from "fast-check";
import { Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { RateMeter } from "../../src/throttle/rate-meter.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** The virtual scheduling algorithm of GCRA, in units of 1/requests µs. */
class NaiveMeter {
  readonly #requests: bigint;
  readonly #per: bigint;
  readonly #burst: bigint;
  #theoreticalArrival = 0n;

  constructor(requests: number, per: number, burst: number) {
    [this.#requests, this.#per, this.#burst] = [BigInt(requests), BigInt(per), BigInt(burst)];
  }

  wait(weight: number, now: number): number {
    const counted = BigInt(weight) < this.#burst ? BigInt(weight) : this.#burst;
    const early = (this.#burst - counted) * this.#per;
    const left = this.#theoreticalArrival - early - BigInt(now) * this.#requests;
    return left > 0n ? Number((left + this.#requests - 1n) / this.#requests) : 0;
  }

  take(weight: number, now: number): void {
    const present = BigInt(now) * this.#requests;
    const from = this.#theoreticalArrival > present ? this.#theoreticalArrival : present;
    this.#theoreticalArrival = from + BigInt(weight) * this.#per;
  }
}

const rates = fc.record({
  requests: fc.integer({ min: 1, max: 5000 }),
  per: fc.constantFrom(1000, 1_000_000, 60_000_000, 3_600_000_000),
  burst: fc.integer({ min: 1, max: 50 }),
});

describe("a meter", () => {
  test("agrees with GCRA in exact arithmetic", () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.record({ after: fc.nat(3_000_000), weight: fc.integer({ min: 1, max: 60 }) }), { maxLength: 60 }),
        ({ requests, per, burst }, calls) => {
          const meter = new RateMeter(requests, per, burst);
          const naive = new NaiveMeter(requests, per, burst);
          let now = 0;
          for (const { after, weight } of calls) {
            now += after;
            const wait = meter.wait(weight, now);
            expect(wait).toBe(naive.wait(weight, now));
            if (wait > 0) continue;
            meter.take(weight);
            naive.take(weight, now);
          }
        },
      ),
    );
  });

  test("lets no more pass in any time than it says, whatever fractions there are", () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.nat(50_000), { minLength: 1, maxLength: 200 }),
        ({ requests, per, burst }, gaps) => {
          const meter = new RateMeter(requests, per, burst);
          const passed: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            if (meter.wait(1, now) > 0) continue;
            meter.take(1);
            passed.push(now);
          }
          for (let from = 0; from < passed.length; from++) {
            for (let until = from; until < passed.length; until++) {
              const most = burst + ((passed[until]! - passed[from]!) * requests) / per;
              expect(until - from + 1).toBeLessThanOrEqual(most + 1e-9);
            }
          }
        },
      ),
    );
  });

  test("passes just when it said it would", () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 60 }), ({ requests, per, burst }, weight) => {
        const meter = new RateMeter(requests, per, burst);
        meter.take(burst);
        const wait = meter.wait(weight, 0);
        expect(meter.wait(weight, wait - 1)).toBe(1);
        expect(meter.wait(weight, wait)).toBe(0);
      }),
    );
  });
});

describe("a quota", () => {
  test("neither loses nor invents a unit, whoever gives up", async () => {
    const action = fc.record({
      kind: fc.constantFrom("permit", "cancel", "timeout", "refund", "refuse", "try"),
      weight: fc.integer({ min: 1, max: 4 }),
      priority: fc.constantFrom("critical", "normal", "low"),
      after: fc.nat(120),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const quota = new Quota({ limits: [{ requests: 20, per: "1s", burst: 4 }], maxQueue: 5, clock });
        const spent: [at: number, weight: number][] = [];
        const waiting: Promise<unknown>[] = [];
        for (const { kind, weight, priority, after } of actions) {
          const context = root.withCancel();
          if (kind === "try") {
            if (quota.tryPermit(weight, { priority }) !== undefined) spent.push([clock.now(), weight]);
          } else if (kind === "refuse") {
            quota.observe({ status: 429, headers: { "retry-after-ms": "50" } });
          } else {
            const options = { signal: context, priority, ...(kind === "timeout" ? { timeout: 70 } : {}) };
            const call = quota.permit(weight, options).then((permit) => {
              if (kind === "refund") permit.refund();
              else spent.push([clock.now(), weight]);
            });
            waiting.push(call.catch(() => {}));
          }
          // oxlint-disable-next-line no-await-in-loop
          await clock.advance(after);
          if (kind === "cancel") context.cancel();
        }
        await clock.advance("20s");
        await Promise.all(waiting);
        expect(quota.queued).toBe(0);
        expect(quota.inspect().limits[0]?.available).toBe(4);
        // In every window.
        for (let from = 0; from < spent.length; from++) {
          let sum = 0;
          for (const [at, weight] of spent.slice(from)) {
            sum += weight;
            expect(sum).toBeLessThanOrEqual(4 + ((at - spent[from]![0]) * 20) / 1000);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
