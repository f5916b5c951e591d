import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { freePort } from "../../../../snowshed/test/support/server-programs.ts";
import { listenerOf } from "../../../src/gate/chaos/processes.ts";
import { AllowList, toEndpoint } from "../../../src/gate/chaos/targets.ts";

// Real sockets and processes on a busy machine: what hangs is to be seen, what is slow is not to fail.
vi.setConfig({ testTimeout: 120_000 });

// What is allowed is what is hit, and nothing beside it.

async function listener(host: string, port: number): Promise<ChildProcess> {
  const script = `require("net").createServer((s) => s.end()).listen(${port}, ${JSON.stringify(host)}, () => console.log("there"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

describe("the process that listens at an address", () => {
  test("is that of this address, not another with the same port", async () => {
    const port = await freePort();
    const [first, second] = [await listener("127.0.0.1", port), await listener("127.0.0.2", port)];
    expect(await listenerOf({ host: "127.0.0.1", port })).toBe(first.pid);
    expect(await listenerOf({ host: "127.0.0.2", port })).toBe(second.pid);
    await expect(listenerOf({ host: "127.0.0.3", port })).rejects.toThrow(`nothing listens at 127.0.0.3:${port}`);
  });

  test("is found by IPv6, by a name, and where it listens on all addresses", async () => {
    const port = await freePort();
    const six = await listener("::1", port);
    expect(await listenerOf({ host: "::1", port })).toBe(six.pid);
    const all = await freePort();
    const wide = await listener("::", all);
    expect(await listenerOf({ host: "127.0.0.1", port: all })).toBe(wide.pid);
    expect(await listenerOf({ host: "::1", port: all })).toBe(wide.pid);
    expect(await listenerOf({ host: "localhost", port: all })).toBe(wide.pid);
  });
});

describe("the list of targets", () => {
  const loopback = new AllowList(undefined);
  test.each([
    ["127.0.0.1:1", true],
    ["127.9.9.9:1", true],
    ["localhost:1", true],
    ["[::1]:1", true],
    ["[::ffff:127.0.0.1]:1", false],
    ["[::ffff:192.0.2.1]:1", false],
    ["0.0.0.0:1", false],
    ["[::]:1", false],
    ["127.1:1", false],
    ["2130706433:1", false],
    ["127.0.0.1.example.com:1", false],
    ["localhost.example.com:1", false],
    ["LOCALHOST.:1", false],
  ])("without a list, %s is loopback: %s", (text, isLoopback) => {
    const ask = (): void => loopback.endpoint(toEndpoint(text, "target"));
    if (isLoopback) expect(ask).not.toThrow();
    else expect(ask).toThrow("is not in chaos.targets");
  });

  test("is of what is written: a name is not its address, and an address not its name", () => {
    const list = new AllowList(["redis.internal:6379", "[fd00::1]:*", "10.0.0.1:6379"]);
    for (const text of ["redis.internal:6379", "[fd00::1]:1", "10.0.0.1:6379"]) list.endpoint(toEndpoint(text, ""));
    for (const text of [
      "redis.internal:6380",
      "10.0.0.1:6380",
      "xredis.internal:6379",
      "127.0.0.1:6379",
      "[fd00::2]:1",
    ]) {
      expect(() => list.endpoint(toEndpoint(text, ""))).toThrow("is not in chaos.targets");
    }
  });
});
