import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

import { NotAvailable } from "../ours.mjs";

const canPin = spawnSync("taskset", ["-c", "0", "true"]).status === 0;
const hasServer = spawnSync("redis-server", ["--version"]).status === 0;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A Redis of this process, on the first core (the client has another one): its port. It ends with the process. */
export async function startRedis() {
  if (!hasServer) throw new NotAvailable("there is no redis-server here");
  const port = await freePort();
  const command = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const [program, ...args] = canPin ? ["taskset", "-c", "0", ...command] : command;
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => server.kill("SIGKILL"));
  let said = "";
  for await (const text of server.stdout.setEncoding("utf8")) {
    said += text;
    if (said.includes("Ready to accept connections")) break;
  }
  server.stdout.destroy();
  return port;
}

/** An ioredis client to it. */
export async function connect(port) {
  const { Redis } = await import("ioredis");
  return new Redis(port, "127.0.0.1");
}
