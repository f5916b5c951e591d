// A process of the demonstration: the service in the middle. It answers an order with the rows of two queries, behind the
// protection that it is started with.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { onParent, tellParent } from "./messages.ts";
import { protectionNamed } from "./protections.ts";

const [name = "", databasePort = ""] = process.argv.slice(2);
const { listener, limit } = protectionNamed(name).service(`http://127.0.0.1:${databasePort}`);
let received = 0;
let inflight = 0;

const server = createServer();
server.on("request", (_request, response) => {
  received++;
  inflight++;
  response.once("close", () => inflight--);
});
server.on("request", listener);
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", 4096, () => {
  tellParent({ kind: "listening", port: (server.address() as AddressInfo).port });
});

setInterval(() => {
  tellParent({ kind: "gauges", received, inflight, limit: limit?.() ?? null, rss: process.memoryUsage.rss() });
}, 100);

onParent(() => {});
