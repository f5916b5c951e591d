import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { privateFolder } from "../../../snowshed/test/support/watched-process.ts";
import { ProcessClient } from "../../src/diagnostics/process-client.ts";

test("frames that nobody takes are not read: whoever sends them notices, and the memory does not fill", async () => {
  const address = path.join(privateFolder(), "1.sock");
  let sent = 0;
  let isFull = false;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    const frame = `${JSON.stringify({ frame: { text: "x".repeat(10_000) } })}\n`;
    const send = (): void => {
      for (let next = true; next && sent < 10_000; sent++) next = socket.write(frame);
      isFull = socket.writableLength > 0;
      socket.once("drain", send);
    };
    socket.once("data", () => {
      socket.write(`${JSON.stringify({ answer: {} })}\n`);
      send();
    });
  });
  await once(server.listen(address), "listening");
  onTestFinished(() => void server.close());
  const client = await ProcessClient.connect(address, 10_000);
  onTestFinished(() => client.close());
  await client.watch("task", 1000);
  // What the system takes of a socket that is not read is some hundred kilobytes; all frames are a hundred megabytes.
  for (let turn = 0, before = -1; before !== sent || !isFull; turn++) {
    before = sent;
    for (let wait = 0; wait < 200; wait++) await new Promise((resolve) => setImmediate(resolve));
    expect(turn).toBeLessThan(1000);
  }
  expect(sent).toBeLessThan(1000);
  // It goes on where it was when they are taken: here they have no form that is known.
  for (let taken = 0; taken < 100; taken++) await expect(client.frame(10_000)).rejects.toThrow("time must be a date");
});
