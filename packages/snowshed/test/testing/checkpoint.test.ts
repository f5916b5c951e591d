// What expectNoLeaks() tells of, and what it leaves alone.
import { Channel, Group, Semaphore, WaitGroup } from "snowshed";
import { activeMonitor, disable, enable } from "snowshed/diagnostics";
import { checkpoint, expectNoLeaks } from "snowshed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

beforeEach(() => void enable("test", { silence: ["SS004"] }));
afterEach(disable);

/** Opened by hand. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

const leak = (message: RegExp): unknown =>
  expect.objectContaining({ code: "SNOWSHED_LEAK_FOUND", message: expect.stringMatching(message) as string });
const fast = { retries: 4, timeout: "20ms" } as const;

describe("tells of", () => {
  test("a task that runs, and where it was made", async () => {
    const since = checkpoint();
    const { opened, open } = gate();
    const group = new Group({ name: "requests" });
    group.go(() => opened, { name: "fetch" });
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(
      leak(/^left behind:\n {2}task "fetch" made at .*checkpoint\.test\.ts:\d+:\d+: still runs$/),
    );
    open();
    await group.wait();
    await expectNoLeaks({ since });
  });

  test("a task that waits, and for what", async () => {
    const database = new Semaphore(1, { name: "database" });
    const since = checkpoint();
    database.tryAcquire();
    new WaitGroup().go(() => database.run(() => {}), { name: "query" });
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(
      leak(
        /"query".*, waits for the semaphore "database": still runs\n {2}1 of the semaphore "database" is still held/,
      ),
    );
    database.release();
    await expectNoLeaks({ since });
  });

  test("a task that is queued", async () => {
    const { opened, open } = gate();
    const group = new Group({ concurrency: 1 });
    group.go(() => opened);
    const since = checkpoint();
    group.go(() => {}, { name: "second" });
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(
      leak(/^left behind:\n {2}task "second".*still runs$/),
    );
    open();
    await group.wait();
  });

  test("a task that can never end", async () => {
    const since = checkpoint();
    new WaitGroup().go(() => new Promise(() => {}), { name: "lost" });
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(leak(/"lost".*: can never end$/));
  });

  test("who waits outside of any task", async () => {
    const since = checkpoint();
    const letters = new Channel<string>(0, { name: "letters" });
    const received = letters.receive();
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(
      leak(/^left behind:\n {2}somebody waits for the channel "letters"$/),
    );
    letters.close();
    await received;
    await expectNoLeaks({ since });
  });

  test("permits of what was there before", async () => {
    const shared = new Semaphore(3, { name: "shared" });
    shared.tryAcquire();
    const since = checkpoint();
    shared.tryAcquire(2);
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(
      leak(/^left behind:\n {2}2 of the semaphore "shared" are still held$/),
    );
    shared.release(2);
    await expectNoLeaks({ since });
  });

  test("everything since watching began, without a checkpoint", async () => {
    const { opened, open } = gate();
    const group = new WaitGroup();
    group.go(() => opened, { name: "early" });
    await expect(expectNoLeaks(fast)).rejects.toEqual(leak(/"early"/));
    open();
    await group.wait();
    await expectNoLeaks();
  });

  test("no more than a screen full", async () => {
    const { opened, open } = gate();
    const group = new WaitGroup();
    for (let n = 0; n < 50; n++) group.go(() => opened);
    await expect(expectNoLeaks(fast)).rejects.toEqual(leak(/(?:\n.*){20}\n {2}and 30 more$/));
    open();
    await group.wait();
  });
});

describe("leaves alone", () => {
  test("what was there before", async () => {
    const { opened, open } = gate();
    const group = new WaitGroup();
    const letters = new Channel<string>();
    group.go(() => opened);
    const received = letters.receive();
    await expectNoLeaks({ since: checkpoint(), ...fast });
    open();
    letters.close();
    await Promise.all([group.wait(), received]);
  });

  test("permits of what was made since, and is gone with it", async () => {
    const since = checkpoint();
    new Semaphore(1).tryAcquire();
    await expectNoLeaks({ since, ...fast });
  });

  test.each([
    ["the name of the task", "heartbeat"],
    ["a part of it", /^heart/],
    ["an expression that was used before", /beat/g],
    ["the name of its group", "background"],
  ])("what is ignored by %s", async (_what, pattern) => {
    if (pattern instanceof RegExp) pattern.exec("heartbeat");
    const { opened, open } = gate();
    const group = new WaitGroup({ name: "background" });
    group.go(() => opened, { name: "heartbeat" });
    await expectNoLeaks({ ignore: [pattern], ...fast });
    await expect(expectNoLeaks({ ignore: ["beat", "back"], ...fast })).rejects.toEqual(leak(/"heartbeat"/));
    open();
    await group.wait();
  });

  test("what ends while it looks again", async () => {
    const since = checkpoint();
    const { opened, open } = gate();
    const group = new WaitGroup();
    group.go(() => opened);
    const checked = expectNoLeaks({ since, timeout: "10s" });
    setTimeout(open, 5);
    await checked;
    expect(group.count).toBe(0);
  });
});

test("fake timers of the test do not stop it", async () => {
  vi.useFakeTimers();
  try {
    const since = checkpoint();
    new WaitGroup().go(() => new Promise((resolve) => setTimeout(resolve, 1000)), { name: "frozen" });
    await expect(expectNoLeaks({ since, ...fast })).rejects.toEqual(leak(/"frozen"/));
  } finally {
    vi.useRealTimers();
  }
});

describe("misuse", () => {
  const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;

  test("nothing is watched: a check would find nothing", async () => {
    disable();
    await expect(expectNoLeaks()).rejects.toEqual(invalid);
  });

  test("checkpoint() begins to watch", async () => {
    disable();
    const since = checkpoint();
    expect(activeMonitor()?.preset).toBe("test");
    await expectNoLeaks({ since });
  });

  test("the checkpoint is of another monitor", async () => {
    const since = checkpoint();
    enable("test");
    await expect(expectNoLeaks({ since })).rejects.toEqual(invalid);
  });

  test.each([
    { ignore: "a" },
    { ignore: [null] },
    { retries: 1.5 },
    { retries: -1 },
    { retries: Number.NaN },
    { timeout: -1 },
    { timeout: Number.NaN },
    { timeout: "1 s" },
    { since: {} },
  ])("%o", async (options) => {
    await expect(expectNoLeaks(options as never)).rejects.toEqual(invalid);
  });
});
