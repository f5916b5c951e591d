// What the system says of descriptors, also where it says little, and which errors say that there are no more.
import { CanceledError, Context, DeadlineExceededError, FatalError, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import type { DescriptorSource } from "../../src/throttle/descriptor-limits.ts";
import { descriptorUsage, isOutOfDescriptors, systemDescriptors } from "../../src/throttle/descriptor-limits.ts";
import { runModule } from "../support/child-process.ts";

const proc = `Limit                     Soft Limit           Hard Limit           Units
Max processes             63432                63432                processes
Max open files            20000                1048576              files
Max locked memory         8388608              8388608              bytes
`;

function absent(): never {
  throw Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" });
}

function source(parts: Partial<DescriptorSource>): DescriptorSource {
  return { readText: absent, countNames: absent, shell: absent, ...parts };
}

describe("the soft limit", () => {
  test("is that of /proc/self/limits, and no shell is started", () => {
    const asked: string[] = [];
    const readText = (path: string): string => {
      asked.push(path);
      return proc;
    };
    const shell = (): string => {
      asked.push("shell");
      return "256";
    };
    expect(descriptorUsage(source({ readText, shell })).softLimit).toBe(20_000);
    expect(asked).toEqual(["/proc/self/limits"]);
  });

  test("may be none", () => {
    const readText = () => proc.replace("20000  ", "unlimited");
    expect(descriptorUsage(source({ readText })).softLimit).toBe(Number.POSITIVE_INFINITY);
    expect(descriptorUsage(source({ shell: () => "unlimited\n" })).softLimit).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ["there is no /proc", {}],
    ["/proc says nothing of files", { readText: () => "Max processes 1 1 processes\n" }],
    ["/proc says what is no number", { readText: () => proc.replace("20000", "-0x1f") }],
  ])("is that of a shell where %s", (_, parts) => {
    expect(descriptorUsage(source({ ...parts, shell: () => "4096\n" })).softLimit).toBe(4096);
  });

  test.each([
    ["there is no shell", {}],
    ["the shell knows no such limit", { shell: () => "sh: ulimit: not found" }],
    ["the shell says nothing", { shell: () => "" }],
  ])("is assumed to be 256 where %s", (_, parts) => {
    expect(descriptorUsage(source(parts)).softLimit).toBe(256);
  });
});

describe("the number of open ones", () => {
  test("is that of /proc/self/fd, else of /dev/fd, less the one to read it, else 32", () => {
    const only = (known: string) => ({ countNames: (path: string) => (path === known ? 24 : absent()) });
    expect(descriptorUsage(source(only("/proc/self/fd"))).open).toBe(23);
    expect(descriptorUsage(source(only("/dev/fd"))).open).toBe(23);
    expect(descriptorUsage(source({})).open).toBe(32);
  });
});

describe("this system", () => {
  test("says how many are open", async () => {
    // In a process in which nobody else opens files.
    const { stdout, stderr } = await runModule(`
      import { openSync } from "node:fs";
      import { devNull } from "node:os";
      import { descriptorUsage, systemDescriptors } from "./packages/snowshed/dist/throttle/descriptor-limits.js";

      const countNames = (path) => {
        if (path !== "/dev/fd") throw new Error("ENOENT");
        return systemDescriptors.countNames(path);
      };
      const before = descriptorUsage().open;
      for (let opened = 0; opened < 5; opened++) openSync(devNull, "r");
      const byDevFd = descriptorUsage({ ...systemDescriptors, countNames }).open;
      console.log(descriptorUsage().open - before, byDevFd - before);
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "5 5\n", stderr: "" });
  });

  test("says the same limit with and without /proc", () => {
    const { softLimit } = descriptorUsage();
    expect(descriptorUsage({ ...systemDescriptors, readText: absent }).softLimit).toBe(softLimit);
    expect(descriptorUsage({ ...systemDescriptors, shell: absent }).softLimit).toBe(softLimit);
  });
});

describe("an error that says that there are no more", () => {
  const exhaustion = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });

  test("is found as itself, as a cause, and among several", () => {
    for (const error of [
      exhaustion,
      { code: "ENFILE" },
      new Error("outer", { cause: new Error("inner", { cause: exhaustion }) }),
      new AggregateError([new Error("other"), new AggregateError([exhaustion])]),
      new Error("outer", { cause: new AggregateError([{ code: "ENFILE" }]) }),
    ]) {
      expect(isOutOfDescriptors(error)).toBe(true);
    }
  });

  test("is none where somebody gave up, or says that it is fatal, whatever the cause", () => {
    const context = Context.background.withCancel();
    context.cancel(exhaustion);
    for (const error of [
      context.reason,
      new CanceledError(undefined, { cause: exhaustion }),
      new DeadlineExceededError(undefined, { cause: exhaustion }),
      new FatalError("the settings are wrong", { cause: exhaustion }),
      // What functions of Node.js reject with when their signal aborts.
      Object.assign(new Error("The operation was aborted", { cause: exhaustion }), {
        name: "AbortError",
        code: "ABORT_ERR",
      }),
      Object.assign(new Error("gave up", { cause: exhaustion }), { name: "TimeoutError" }),
      new Error("outer", { cause: new CanceledError(undefined, { cause: exhaustion }) }),
    ]) {
      expect(isOutOfDescriptors(error)).toBe(false);
    }
    // The control: others do not hide their cause, nor their like in an AggregateError.
    expect(isOutOfDescriptors(new TransientError(undefined, { cause: exhaustion }))).toBe(true);
    expect(isOutOfDescriptors(new AggregateError([new CanceledError(), exhaustion]))).toBe(true);
    const attempts = [{ code: "EADDRNOTAVAIL" }, { code: "EMFILE" }];
    expect(isOutOfDescriptors(Object.assign(new AggregateError(attempts), { code: "EADDRNOTAVAIL" }))).toBe(true);
  });

  test("is nothing else, and whatever is thrown is borne", () => {
    const cyclic = new AggregateError([], "itself");
    cyclic.errors.push(cyclic, cyclic);
    cyclic.cause = cyclic;
    const trap = Proxy.revocable({}, {});
    trap.revoke();
    const throwing = {
      get code(): string {
        throw new Error("of the getter");
      },
    };
    for (const error of [undefined, null, "EMFILE", 24, {}, new Error("EMFILE"), { code: "ENOENT" }]) {
      expect(isOutOfDescriptors(error)).toBe(false);
    }
    for (const error of [cyclic, trap.proxy, throwing, { errors: trap.proxy }, { errors: [throwing, null] }]) {
      expect(isOutOfDescriptors(error)).toBe(false);
    }
  });

  test("is found behind one that cannot be read", () => {
    const throwing = {
      get code(): string {
        throw new Error("of the getter");
      },
      cause: exhaustion,
    };
    expect(isOutOfDescriptors(throwing)).toBe(true);
  });
});
