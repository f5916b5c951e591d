// A process of the demonstration: what the users talk to. It asks the service, and asks again when that fails.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { onParent, tellParent } from "./messages.ts";
import { protectionNamed } from "./protections.ts";

const [name = "", servicePort = ""] = process.argv.slice(2);
const server = createServer(protectionNamed(name).gateway(`http://127.0.0.1:${servicePort}`));
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", 4096, () => {
  tellParent({ kind: "listening", port: (server.address() as AddressInfo).port });
});

onParent(() => {});
