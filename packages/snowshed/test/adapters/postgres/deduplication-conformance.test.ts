import { afterAll, expect, test } from "vitest";
import { deduplicationStoreConformance } from "../../conformance/deduplication-store.ts";
import { Database, write } from "./fixture.ts";

let database: Database | undefined;
afterAll(() => database?.stop());

for (const isolation of ["read committed", "serializable"] as const) {
  deduplicationStoreConformance(`PostgreSQL, ${isolation}`, async () => {
    database ??= await Database.start();
    const { pool } = { pool: database.pool() };
    const known = database;
    return {
      open: (name) => Promise.resolve(known.store(name, { isolation, attempts: 50 }, pool)),
      write,
      effects: () => known.effects(),
      undoes: true,
    };
  });
}

test("the server ran all that", () => {
  expect(database).toBeDefined();
});
