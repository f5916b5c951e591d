// Tasks of go() that fail: who is told, and that somebody always is. The last part needs processes of their own.
import { Context, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

const first = new Error("first");
const second = new Error("second");
const fail = (reason: unknown) => async (): Promise<never> => {
  throw reason;
};

describe("a task that fails", () => {
  test.each<readonly [string, () => unknown]>([
    [
      "by throwing",
      () => {
        throw first;
      },
    ],
    ["by rejecting", fail(first)],
    ["by rejecting later", () => drained().then(fail(first))],
  ])("%s counts down, and wait() rejects with its error itself", async (_how, task) => {
    const group = new WaitGroup();
    group.go(task);
    group.go(() => "fine");
    const waiting = observe(group.wait());
    await drained();
    await drained();
    expect([waiting.outcome, group.count]).toEqual([{ status: "rejected", reason: first }, 0]);
  });

  test("with `throw undefined` has failed, too", async () => {
    const group = new WaitGroup();
    group.go(fail(undefined));
    expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: undefined });
  });

  test("stops no other task, and wait() rejects only when all have ended", async () => {
    const group = new WaitGroup();
    const slow = deferred();
    let ended = false;
    group.go(fail(first));
    group.go(() => slow.promise.then(() => (ended = true)));
    const waiting = observe(group.wait());
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["pending", 1]);
    slow.resolve();
    await drained();
    expect([waiting.outcome, ended]).toEqual([{ status: "rejected", reason: first }, true]);
  });

  test("beside others that fail is one of an AggregateError, in the order of failing", async () => {
    const group = new WaitGroup();
    const slow = deferred();
    group.go(() => slow.promise);
    group.go(fail(second));
    slow.reject(first);
    const waited = await outcome(group.wait());
    expect(waited).toMatchObject({ status: "rejected", reason: { message: "2 tasks failed" } });
    const { reason } = waited as { reason: AggregateError };
    expect(reason).toBeInstanceOf(AggregateError);
    expect(new Set(reason.errors)).toEqual(new Set([first, second]));
  });

  test("rejects all who wait, with the same error", async () => {
    const group = new WaitGroup();
    group.go(fail(first));
    group.go(fail(second));
    const [one, two] = [observe(group.wait()), observe(group.wait())];
    await drained();
    expect(one.outcome.status).toBe("rejected");
    expect((one.outcome as { reason?: unknown }).reason).toBe((two.outcome as { reason?: unknown }).reason);
  });
});

describe("a failure that was delivered", () => {
  test("is over: a later wait() resolves, and so does the next generation", async () => {
    const group = new WaitGroup();
    group.go(fail(first));
    await outcome(group.wait());
    expect((await outcome(group.wait())).status).toBe("fulfilled");
    group.go(() => {});
    expect((await outcome(group.wait())).status).toBe("fulfilled");
  });

  test("does not come again with that of the next generation", async () => {
    const group = new WaitGroup();
    group.go(fail(first));
    await outcome(group.wait());
    group.go(fail(second));
    expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: second });
  });
});

describe("a failure that nobody waited for yet", () => {
  test("is that of a wait() after the end", async () => {
    const group = new WaitGroup();
    group.go(fail(first));
    await drained();
    expect(group.count).toBe(0);
    expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: first });
  });

  test("is kept for whoever waits for a later generation", async () => {
    const group = new WaitGroup();
    group.go(fail(first));
    await drained();
    group.go(fail(second));
    expect(await outcome(group.wait())).toMatchObject({ reason: { errors: [first, second] } });
  });

  test("is not lost on one who gave up", async () => {
    const group = new WaitGroup();
    const body = deferred();
    group.go(() => body.promise);
    const context = Context.background.withCancel();
    const leaving = observe(group.wait({ signal: context }));
    context.cancel();
    body.reject(first);
    await drained();
    expect(leaving.outcome).toEqual({ status: "rejected", reason: context.reason });
    await outcome(group.wait({ signal: context }));
    expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: first });
  });
});

describe("the article's first example, in which WaitGroup hides the errors", () => {
  const urls = ["http://a.example", "http://b.example", "http://c.example"];
  const get = async (url: string): Promise<string> => {
    await Promise.resolve();
    if (url.includes("b.")) throw new Error(`unreachable: ${url}`);
    return url;
  };

  test("hides them only if the task itself drops them, as it does there", async () => {
    const group = new WaitGroup();
    for (const url of urls) {
      group.add();
      void get(url)
        .catch(() => {})
        .finally(() => group.done());
    }
    expect((await outcome(group.wait())).status).toBe("fulfilled");
  });

  test("shows them with go(), where nothing has to be remembered", async () => {
    const group = new WaitGroup();
    for (const url of urls) group.go(() => get(url));
    await expect(group.wait()).rejects.toThrow("unreachable: http://b.example");
  });
});

/** What a process prints and exits with that fails a task of `group`. */
async function processOf(code: string, prelude: string = ""): Promise<readonly [number, readonly string[]]> {
  const ended = await runModule(`
    import { WaitGroup } from "snowshed";
    import { setTimeout as sleep } from "node:timers/promises";
    const fail = (message) => async () => { throw new Error(message); };
    ${prelude}
    let group = new WaitGroup();
    ${code}
  `);
  const errors = /^(?:AggregateError|Error): .*/gm;
  const lines = `${ended.stdout}${(ended.stderr.match(errors) ?? []).join("\n")}`.split("\n");
  return [ended.code, lines.filter((line) => line !== "")];
}

const watching = `
  process.on("unhandledRejection", (reason) => {
    console.log("unhandled: " + [reason.errors ?? reason].flat().map(({ message }) => message).join(", "));
  });
  const collect = async () => {
    for (let round = 0; round < 10; round++) {
      await sleep(1);
      gc();
    }
    console.log("end");
  };
`;

describe.concurrent("a process in which a task failed", { timeout: 30_000 }, () => {
  test("exits with 1 and the error, when nobody ever waits", async () => {
    expect(await processOf(`group.go(fail("nobody looks"));`)).toEqual([1, ["Error: nobody looks"]]);
  });

  test("exits with 1 and all errors, when there are several", async () => {
    const [code, lines] = await processOf(`group.go(fail("one")); group.go(fail("two"));`);
    expect([code, lines[0]]).toEqual([1, "AggregateError: 2 tasks failed"]);
  });

  test("exits with 0, when it waited and handled the error", async () => {
    const code = `group.go(fail("seen")); await group.wait().catch(({ message }) => console.log(message));`;
    expect(await processOf(code)).toEqual([0, ["seen"]]);
  });

  test("exits with 0, when it waited late: after other work that took its time", async () => {
    const code = `
      group.go(fail("seen late"));
      await sleep(30);
      gc();
      await group.wait().catch(({ message }) => console.log(message));
    `;
    expect(await processOf(code)).toEqual([0, ["seen late"]]);
  });

  test("exits with 1, when the only one who waited gave up before the failure", async () => {
    const code = `
      const controller = new AbortController();
      let left;
      group.go(() => new Promise((_, reject) => (left = () => reject(new Error("after all left")))));
      const waiting = group.wait({ signal: controller.signal }).catch(({ name }) => console.log(name));
      controller.abort();
      await waiting;
      left();
    `;
    expect(await processOf(code)).toEqual([1, ["AbortError", "Error: after all left"]]);
  });

  test("learns of it while it runs on, when the group is garbage", async () => {
    const code = `group.go(fail("dropped")); await sleep(1); group = null; await collect();`;
    expect(await processOf(code, watching)).toEqual([0, ["unhandled: dropped", "end"]]);
  });

  test("does not learn of it early, while somebody can still wait", async () => {
    const code = `
      group.go(fail("kept"));
      await collect();
      await group.wait().catch(({ message }) => console.log("delivered: " + message));
      await collect();
    `;
    expect(await processOf(code, watching)).toEqual([0, ["end", "delivered: kept", "end"]]);
  });

  test("learns of a later one, too, when it went on after the first", async () => {
    const code = `
      globalThis.kept = group;
      process.once("unhandledRejection", () => setImmediate(() => kept.go(fail("two"))));
      group.go(fail("one"));
    `;
    const [, lines] = await processOf(code, watching);
    expect(lines.join("; ")).toMatch(/^unhandled: one; unhandled: .*two$/);
  });

  test("keeps nothing of a failure that was delivered late, also of the first one it ever saw", async () => {
    const code = `
      const make = async () => {
        const error = new Error("first");
        group.go(() => Promise.reject(error));
        await sleep(1);
        await group.wait().catch(() => {});
        return new WeakRef(error);
      };
      const error = await make();
      await collect();
      console.log(error.deref() === undefined, group.count);
    `;
    expect(await processOf(code, watching)).toEqual([0, ["end", "true 0"]]);
  });

  test("learns of `done()` without `add()` inside a task", async () => {
    const [code, lines] = await processOf(`group.go(() => group.done());`);
    expect([code, lines]).toEqual([1, []]);
  });
});
