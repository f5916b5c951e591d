import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { deduplicationSchema, Outbox, outboxSchema, PostgresDeduplicationStore } from "snowshed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Database } from "../../../snowshed/test/adapters/postgres/fixture.ts";
import { run } from "../support/memory-io.ts";

let database: Database;
let url = "";
beforeAll(async () => {
  database = await Database.start();
  const { user, host, port, database: name } = database.server.connection;
  url = `postgres://${user}:secret@${host}:${port}/${name}`;
}, 300_000);
afterAll(() => database.stop());

test("prints the SQL", async () => {
  expect((await run(["delivery", "schema"])).stdout).toBe(`${deduplicationSchema()}\n${outboxSchema()}`);
  const one = await run(["delivery", "schema", "--only", "outbox", "--schema", "a b", "--table", "c"]);
  expect(one.stdout).toBe(outboxSchema({ schema: "a b", table: "c" }));
  expect(one.code).toBe(0);
});

test("what it prints, and what it applies, is what the store and the outbox need; twice is once", async () => {
  const pool = database.pool();
  await pool.query((await run(["delivery", "schema", "--schema", "printed"])).stdout);
  for (const args of [[url], [url], []]) {
    const { code, stdout, stderr } = await run(["delivery", "schema", "--schema", "applied", "--apply", ...args], {
      env: { DATABASE_URL: url },
    });
    expect([code, stdout, stderr]).toEqual([0, "", "snowshed: the tables are there\n"]);
  }
  for (const schema of ["printed", "applied"]) {
    const store = new PostgresDeduplicationStore(pool, "a", { schema });
    const draft = { topic: "t", type: "a.b", value: "1" };
    const { status } = await store.apply({ key: "a" }, (transaction) =>
      new Outbox({ schema }).enqueue(transaction, draft),
    );
    expect(status).toBe("applied");
    await store.maintain();
  }
});

test("a database that is not there, and wrong usage: no secret is told", async () => {
  const absent = await run(["delivery", "schema", "--apply", "postgres://a:secret@127.0.0.1:1/b"]);
  expect(absent.code).toBe(1);
  expect(absent.stderr).toContain("ECONNREFUSED");
  for (const args of [
    ["--apply", "mysql://a:secret@b"],
    ["--apply", "a:secret@b"],
    ["--apply"],
    ["--table", "a"],
    ["--only", "marks"],
    ["--schema", "$maintain$"],
  ]) {
    const { code, stdout, stderr } = await run(["delivery", "schema", ...args]);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect(stderr).not.toContain("secret");
  }
  expect(absent.stderr).not.toContain("secret");
});

test("without the package pg it says what to do", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "snowshed-no-pg-"));
  const before = process.cwd;
  process.cwd = () => folder;
  try {
    const { code, stderr } = await run(["delivery", "schema", "--apply", url]);
    expect(code).toBe(2);
    expect(stderr).toContain("npm install pg");
  } finally {
    process.cwd = before;
    rmSync(folder, { recursive: true });
  }
});
