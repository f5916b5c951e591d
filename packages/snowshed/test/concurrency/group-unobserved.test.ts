// "A failed group that nobody waits on is an unhandled rejection": in processes of their own, where that can be seen.
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";

/** Each test starts a process: on a busy machine that takes its time. */
const patience = { timeout: 90_000 };

/** The lines that `code` prints; `unhandled: …` for each unhandled rejection. */
async function lines(code: string): Promise<string[]> {
  const { stdout, stderr } = await runModule(`
    import { Context, Group } from "snowshed";
    import { setImmediate as macrotask } from "node:timers/promises";
    process.on("unhandledRejection", (reason) => {
      console.log("unhandled: " + (reason instanceof AggregateError ? reason.errors.join(", ") : String(reason)));
    });
    const fail = (message) => Promise.reject(new Error(message));
    async function collect() {
      for (let round = 0; round < 10; round++) {
        await macrotask();
        gc();
      }
      console.log("end");
    }
    ${code}
  `);
  return `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
}

describe.concurrent("a failed group that nobody waits on", patience, () => {
  test("ends the process with its error, by default", async () => {
    const { code, stderr } = await runModule(`
      import { Group } from "snowshed";
      new Group().go(() => Promise.reject(new Error("nobody looks")));
    `);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Error: nobody looks")]);
  });

  test("is an unhandled rejection once nobody can wait any more, while the process goes on", async () => {
    expect(await lines(`new Group().go(() => fail("dropped")); await collect();`)).toEqual([
      "unhandled: Error: dropped",
      "end",
    ]);
  });

  test("is one whatever frames its errors keep: made after a wait, with a cause, one by one", async () => {
    const code = `
      new Group().go(async () => { await macrotask(); throw new Error("after a wait"); });
      await collect();
      new Group().go(() => { throw new Error("with a cause", { cause: new AggregateError([new Error("of it")]) }); });
      await collect();
      (() => {
        const group = new Group({ failFast: false });
        group.go(() => fail("one"));
        return macrotask().then(() => void group.go(() => fail("two")));
      })();
      await collect();
    `;
    const wanted = [
      "unhandled: Error: after a wait",
      "unhandled: Error: with a cause",
      "unhandled: Error: one, Error: two",
    ];
    expect(await lines(code)).toEqual(wanted.flatMap((line) => [line, "end"]));
  });

  test("is one at the end of the process at the latest", async () => {
    const code = `
      globalThis.kept = new Group({ failFast: false });
      kept.go(() => fail("one"));
      kept.go(() => fail("two"));
      await collect();
    `;
    expect(await lines(code)).toEqual(["end", "unhandled: Error: one, Error: two"]);
  });

  test("is one also for `throw undefined`", async () => {
    expect(await lines(`new Group().go(() => Promise.reject(undefined)); await collect();`)).toEqual([
      "unhandled: undefined",
      "end",
    ]);
  });

  test("is one when the only wait() was given up before the failure", async () => {
    const code = `
      const group = new Group();
      group.go(async () => { await macrotask(); throw new Error("late"); });
      const impatient = Context.background.withCancel();
      const waited = group.wait({ signal: impatient }).catch((error) => console.log(error.name));
      impatient.cancel();
      await waited;
    `;
    expect(await lines(code)).toEqual(["AbortError", "unhandled: Error: late"]);
  });

  test("is one for a child nobody waits on either, one time", async () => {
    expect(await lines(`new Group().child().child().go(() => fail("deep")); await collect();`)).toEqual([
      "unhandled: Error: deep",
      "end",
    ]);
  });
});

describe.concurrent("no unhandled rejection", patience, () => {
  test("comes from a producer with a slow source, who waits long after the failure", async () => {
    const code = `
      const group = new Group({ concurrency: 2 });
      for (let index = 0; index < 20 && !group.context.aborted; index++) {
        await group.ready();
        group.go(() => fail("first"));
        await new Promise((resolve) => setTimeout(resolve, 5));
        gc();
      }
      await collect();
      await group.wait().catch((error) => console.log("delivered: " + error.message));
      await collect();
    `;
    expect(await lines(code)).toEqual(["end", "delivered: first", "end"]);
  });

  test("comes from a group that was disposed, or whose parent was waited for", async () => {
    const code = `
      const parent = new Group();
      parent.child().go(() => fail("child"));
      await macrotask();
      await parent.wait().catch((error) => console.log("delivered: " + error.message));
      const group = new Group();
      group.go(() => fail("disposed"));
      await macrotask();
      await group[Symbol.asyncDispose]().catch((error) => console.log("thrown: " + error.message));
      await collect();
    `;
    expect(await lines(code)).toEqual(["delivered: child", "thrown: disposed", "end"]);
  });

  test("comes from a group that was only canceled, or is still paused, or went well", async () => {
    const code = `
      const canceled = new Group({ concurrency: 1 });
      canceled.go((context) => context.sleep("1h"));
      canceled.go(() => console.log("never"));
      canceled.cancel();
      new Group({ concurrency: 0 }).go(() => console.log("never"));
      new Group().go(async () => {});
      await collect();
    `;
    expect(await lines(code)).toEqual(["end"]);
  });

  test("keeps a process from ending, or a pending task: only what the task itself does", async () => {
    const code = `
      const group = new Group();
      group.go(() => new Promise(() => {}));
      void group.wait();
    `;
    expect(await lines(code)).toEqual([]);
  });

  test("is one once nobody can wait, also under a signal that lives on and with failFast false", async () => {
    const code = `
      globalThis.parent = Context.background.withCancel();
      new Group({ signal: parent, failFast: false }).go(() => fail("dropped"));
      await collect();
    `;
    expect(await lines(code)).toEqual(["unhandled: Error: dropped", "end"]);
  });
});
