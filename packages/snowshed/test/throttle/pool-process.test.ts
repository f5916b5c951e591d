// What keeps a process running, and what does not: each program in a process of its own, to its end.
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";

const prelude = `import { Pool } from "snowshed/throttle";\n`;

describe("a process goes on until", () => {
  test("close() has given up a destroy that never ends", async () => {
    const ended = await runModule(`${prelude}
      const pool = new Pool({ create: () => ({}), destroy: () => new Promise(() => {}) });
      await pool.run(() => {});
      await pool.close();
      console.log("closed", pool.size);
    `);
    expect(ended).toEqual({ code: 0, stdout: "closed 0\n", stderr: "" });
  });

  test("close() has given up a create that never ends", async () => {
    const ended = await runModule(`${prelude}
      const pool = new Pool({ create: () => new Promise(() => {}), min: 1, acquireTimeout: 200 });
      await pool.close();
      console.log("closed", pool.size);
    `);
    expect(ended).toEqual({ code: 0, stdout: "closed 0\n", stderr: "" });
  });

  test("who waits without a timeout has seen the next attempt to create", async () => {
    const ended = await runModule(`${prelude}
      let attempts = 0;
      const create = () => {
        if (++attempts < 3) throw new Error("no");
        return { attempts };
      };
      const pool = new Pool({ create, acquireTimeout: Infinity });
      const seen = [];
      for (let round = 0; round < 3; round++) {
        seen.push(await pool.run((made) => made.attempts).catch((error) => error.message));
      }
      console.log(seen.join());
    `);
    expect(ended).toEqual({ code: 0, stdout: "no,no,3\n", stderr: "" });
  });

  test("a place is free for who waits without a timeout", async () => {
    const ended = await runModule(`${prelude}
      let made = 0;
      const pool = new Pool({ create: () => ++made, destroy: () => new Promise(() => {}), max: 1 });
      (await pool.permit()).destroy();
      console.log(await pool.run((id) => id, { timeout: Infinity }));
    `);
    expect(ended).toEqual({ code: 0, stdout: "2\n", stderr: "" });
  });
});

describe("a process is not kept running by", () => {
  // Each would go on for an hour, and be killed after 60 s.
  test.each<readonly [string, string]>([
    [
      "what is idle",
      `const pool = new Pool({ create: () => ({}), min: 2, idleTimeout: "1h" }); await pool.run(() => {});`,
    ],
    ["what is held", `const permit = await new Pool({ create: () => ({}), leakThreshold: "1h" }).permit();`],
    ["a min that cannot be made", `new Pool({ create: () => { throw new Error("no"); }, min: 1 });`],
  ])("%s", async (_name, program) => {
    expect(await runModule(`${prelude}${program}\nconsole.log("end");`)).toEqual({
      code: 0,
      stdout: "end\n",
      stderr: "",
    });
  });
});
