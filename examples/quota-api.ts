// An API that allows ten requests a second, and says when fewer are left. Forty calls at once, some of them urgent: none is
// refused, and the urgent ones do not wait for the others.
import { Group } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { Quota } from "snowshed/throttle";

const clock = new FakeClock();
const quota = new Quota({ limits: [{ requests: 10, per: "1s", burst: 2 }], name: "geocoding", clock });
const finished: Record<string, number> = {};
let calls = 0;

async function geocode(address: string): Promise<Response> {
  // At the tenth call it says that somebody else has used up the quota: only two are left for the next five seconds.
  const headers = ++calls === 10 ? { "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "5" } : undefined;
  return new Response(`position of ${address}`, headers === undefined ? {} : { headers });
}

const group = new Group();
for (let number = 0; number < 40; number++) {
  const priority = number % 10 === 9 ? "critical" : "normal";
  void group.go(async (context) => {
    const response = await quota.run(() => geocode(`street ${number}`), { signal: context, priority });
    await response.text();
    finished[priority] = clock.now();
  });
}
const done = group.wait();
await clock.advance("10s");
await done;
console.log(
  `${calls} calls; the last critical one after ${finished["critical"]} ms, the last after ${finished["normal"]} ms`,
);

// Output:
// 40 calls; the last critical one after 400 ms, the last after 8400 ms
