import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tables } from "./tables.ts";

const text = readFileSync(join(import.meta.dirname, "../../../../../docs/gate-alerts.md"), "utf8");

test.each(Object.entries(tables))("docs/gate-alerts.md has the table of %s as it is", (_, rows) => {
  expect(text).toContain(`\n${rows.join("\n")}\n`);
});
