import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath, unlink } from "node:fs/promises";
import type { Server } from "node:net";
import { connect, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { makeFolder } from "../../make-folder.ts";
import { systemCode } from "../../system-error.ts";
import { ChaosRefusal } from "./targets.ts";

export interface ChaosLock {
  release(): Promise<void>;
}

/**
 * One run at a time for each state folder. The lock is a socket that this process listens on, so the kernel gives it back
 * when the process ends, however it does.
 * @throws ChaosRefusal when another run holds it.
 */
export async function lockChaos(folder: string): Promise<ChaosLock> {
  await makeFolder(folder, 0o700);
  const address = addressOf(await realpath(folder));
  for (let attempt = 0; ; attempt++) {
    try {
      const server = await listen(address);
      return {
        release: async () => {
          server.close();
          await once(server, "close");
        },
      };
    } catch (error) {
      if (systemCode(error) !== "EADDRINUSE") throw error;
      const holder = await ask(address);
      if (holder !== null || attempt > 0 || address.startsWith("\0")) {
        throw new ChaosRefusal(
          `another run injects faults now${holder === null ? "" : ` (process ${holder})`}: two at once cannot tell whose fault was seen`,
        );
      }
      // A socket that is a file stays behind when its process dies.
      await unlink(address).catch(() => {});
    }
  }
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(String(process.pid));
  });
  server.listen(address);
  await once(server, "listening");
  server.unref();
  return server;
}

/** The number of the process that holds it; null when none answers. */
function ask(address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let said = "";
    socket.setTimeout(2000, () => socket.destroy());
    socket.on("data", (bytes: Buffer) => (said += bytes.toString().slice(0, 20)));
    socket.on("error", () => {});
    socket.on("close", () => resolve(/^\d+$/.test(said) ? said : null));
  });
}

/** On Linux a name without a file, which cannot be left behind. */
function addressOf(folder: string): string {
  const name = `snowshed-chaos-${createHash("sha256").update(folder).digest("hex").slice(0, 32)}`;
  if (process.platform === "linux") return `\0${name}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  return path.join(os.tmpdir(), name);
}
