import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

import { Agent, request } from "undici";

// The least a program does to fetch a file of URLs: some workers share its lines, each reads a body to its end and
// throws it away. No timeout, no retry, no report; with `report` a line of JSON per URL.
// node bare-loop.mjs <file> <concurrency> [report]

const [file, concurrency, report] = process.argv.slice(2);
const dispatcher = new Agent({ connections: Number(concurrency) });
const lines = createInterface({ input: createReadStream(file) })[Symbol.asyncIterator]();

async function worker() {
  for (;;) {
    const { done, value: url } = await lines.next();
    if (done) return;
    const { statusCode, body } = await request(url, { dispatcher });
    await body.dump();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
    if (report) process.stdout.write(`${JSON.stringify({ url, status: "ok", code: statusCode })}\n`);
  }
}

await Promise.all(Array.from({ length: Number(concurrency) }, worker));
await dispatcher.close();
