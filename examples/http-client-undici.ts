// undici behind a limit: a slow service gets two requests at a time, two more wait, the rest is refused at once. The
// deadline of the caller goes out with each request, so that the service can stop when nobody waits any more.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Context, fixed, Limiter, SnowshedError } from "snowshed";
import { undiciInterceptor } from "snowshed/http";
import { Agent, request } from "undici";

let running = 0;
let most = 0;
let knowing = 0;
const server = createServer((incoming, response) => {
  most = Math.max(most, ++running);
  if (Number(incoming.headers["x-request-timeout-ms"]) <= 5000) knowing++;
  setTimeout(() => {
    running--;
    response.end("a slow answer");
  }, 100);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

const agent = new Agent();
const dispatcher = agent.compose(
  undiciInterceptor({ limiter: (name) => new Limiter({ name, algorithm: fixed(2), maxQueue: 2 }) }),
);

using caller = Context.background.withTimeout("5s"); // In a service: that of the request being served
const outcomes = await Promise.allSettled(
  Array.from({ length: 6 }, async () => {
    const { statusCode, body } = await request(url, { dispatcher, signal: caller.signal });
    return `${statusCode} ${await body.text()}`;
  }),
);
for (const outcome of outcomes) {
  if (outcome.status === "fulfilled") console.log(outcome.value);
  else if (outcome.reason instanceof SnowshedError) console.log(outcome.reason.code);
}
console.log(`at most ${most} at once; ${knowing} knew how long they were waited for`);
await agent.close();
server.close();

// Output:
// 200 a slow answer
// 200 a slow answer
// 200 a slow answer
// 200 a slow answer
// SNOWSHED_LIMIT_EXCEEDED
// SNOWSHED_LIMIT_EXCEEDED
// at most 2 at once; 4 knew how long they were waited for
