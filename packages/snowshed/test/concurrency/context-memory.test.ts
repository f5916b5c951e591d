import type { CancelContext } from "snowshed";
import { Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained } from "../support/promises.ts";
import { collected } from "../support/garbage.ts";

/** How many are linked below a context. */
function linked(context: Context): number {
  let count = 0;
  for (let node = context.scope.head; node !== null; node = node.next) count++;
  return count;
}

describe("contexts that were forgotten without being canceled", () => {
  test("are garbage below the background, with all that hangs on them", async () => {
    expect(await collected(() => new WeakRef(Context.background.withCancel()))).toBe(true);
    expect(await collected(() => new WeakRef(Context.background.withTimeout(Infinity).withCancel()))).toBe(true);
    const forget = (): WeakRef<object> => {
      const context = Context.background.withCancel();
      context.onAbort(() => {});
      context.signal.addEventListener("abort", () => {});
      return new WeakRef(context.withCancel().signal);
    };
    expect(await collected(forget)).toBe(true);
    expect(linked(Context.background)).toBe(0);
  });

  test("are garbage below withoutCancel(), and so are listeners of contexts that never abort", async () => {
    const free = Context.background.withTimeout("1h").withoutCancel();
    expect(await collected(() => new WeakRef(free.withCancel()))).toBe(true);
    const listen = (): WeakRef<object> => {
      const listener = (): void => {};
      free.onAbort(listener);
      return new WeakRef(listener);
    };
    expect(await collected(listen)).toBe(true);
    expect(free.aborted).toBe(false);
  });

  test("are kept by a parent that can be canceled, and by their own timer: the control", async () => {
    const parent = Context.background.withCancel();
    expect(await collected(() => new WeakRef(parent.withCancel()))).toBe(false);
    expect(linked(parent)).toBe(1);
    const clock = new FakeClock();
    const root = Context.root({ clock });
    expect(await collected(() => new WeakRef(root.withTimeout("1h")))).toBe(false);
    expect(clock.pending).toBe(1);
  });
});

describe("contexts that were canceled", () => {
  test("leave nothing in a parent that lives on", async () => {
    const parent = Context.background.withCancel();
    const cancel = (derive: () => CancelContext) => (): WeakRef<object> => {
      const context = derive();
      context.onAbort(() => {});
      context.withCancel();
      context.cancel();
      return new WeakRef(context);
    };
    expect(await collected(cancel(() => parent.withCancel()))).toBe(true);
    expect(await collected(cancel(() => parent.withTimeout("1h")))).toBe(true);
    const signals = cancel(() => {
      const context = parent.withCancel();
      context.signal.addEventListener("abort", () => {});
      return context;
    });
    expect(await collected(signals)).toBe(true);
    for (let index = 0; index < 10_000; index++) parent.withCancel().cancel();
    expect(linked(parent)).toBe(0);
  });

  test("do not keep the ones that were linked beside them", async () => {
    const parent = Context.background.withCancel();
    const [first, last] = [parent.withCancel(), parent.withCancel()];
    const middle = (): WeakRef<object> => {
      const context = parent.withCancel();
      const after = parent.withCancel();
      context.cancel();
      after.cancel();
      return new WeakRef(context);
    };
    expect(await collected(middle)).toBe(true);
    expect(linked(parent)).toBe(2);
    const beside = (): WeakRef<object> => new WeakRef(parent.withCancel());
    expect(
      await collected(() => {
        const reference = beside();
        parent.cancel();
        return reference;
      }),
    ).toBe(true);
    expect([first.aborted, last.aborted]).toEqual([true, true]);
  });

  test("let their listeners go", async () => {
    const context = Context.background.withCancel();
    const stops: (() => boolean)[] = [];
    const listen = async (): Promise<WeakRef<object>> => {
      const listener = (): void => {};
      stops.push(context.onAbort(listener));
      context.cancel();
      await drained();
      return new WeakRef(listener);
    };
    expect(await collected(listen)).toBe(true);
    expect(stops[0]!()).toBe(false);
  });
});

describe("listeners that were stopped", () => {
  const listen = (context: Context, stops: (() => boolean)[], stop: boolean) => (): WeakRef<object> => {
    const listener = (): void => {};
    stops.push(context.onAbort(listener));
    if (stop) stops[0]!();
    return new WeakRef(listener);
  };

  test("are garbage although their context and the stop() are held", async () => {
    const context = Context.background.withCancel();
    const stops: (() => boolean)[] = [];
    expect(await collected(listen(context, stops, true))).toBe(true);
    expect([linked(context), stops[0]!()]).toEqual([0, false]);
  });

  test("are kept while they may be called: the control", async () => {
    const context = Context.background.withCancel();
    const stops: (() => boolean)[] = [];
    expect(await collected(listen(context, stops, false))).toBe(false);
    expect([linked(context), stops[0]!()]).toEqual([1, true]);
  });
});

describe("sleepers", () => {
  test("leave nothing behind in a context that lives on, woken or canceled", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    for (let index = 0; index < 100; index++) {
      const sleeper = context.withCancel();
      sleeper.sleep(5).catch(() => {});
      void context.sleep(5);
      if (index % 2 === 0) sleeper.cancel();
      else await clock.advance(5);
      sleeper.cancel();
    }
    await clock.advance(5);
    expect([linked(context), clock.pending]).toEqual([0, 0]);
  });
});

describe("contexts of foreign signals", () => {
  test("are garbage when nothing hangs on them any more, although the signal lives on", async () => {
    const controller = new AbortController();
    const hang = (): WeakRef<object> => {
      const context = Context.from(controller.signal).withCancel();
      context.onAbort(() => {});
      context.cancel();
      return new WeakRef(context);
    };
    expect(await collected(hang)).toBe(true);
    expect(controller.signal.aborted).toBe(false);
  });

  test("are garbage together with the signal, whatever hangs on them", async () => {
    const hang = (): WeakRef<object> => {
      const controller = new AbortController();
      Context.from(controller.signal).onAbort(() => {});
      return new WeakRef(Context.from(controller.signal).withCancel());
    };
    expect(await collected(hang)).toBe(true);
    const hangSignal = (): WeakRef<object> => {
      const controller = new AbortController();
      Context.from(controller.signal).withCancel();
      return new WeakRef(controller.signal);
    };
    expect(await collected(hangSignal)).toBe(true);
  });

  test("are kept by a signal that may still abort them: the control", async () => {
    const controller = new AbortController();
    expect(await collected(() => new WeakRef(Context.from(controller.signal).withCancel()))).toBe(false);
    expect(controller.signal.aborted).toBe(false);
  });
});
