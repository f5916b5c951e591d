// The schema that editors use is made from the one the gate checks with, and committed, so that a package has it.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { jsonSchema } from "../../../src/gate/config/load.ts";

const file = fileURLToPath(new URL("../../../schema/snowshed.schema.json", import.meta.url));

test("the schema that is shipped is the one the gate checks with; UPDATE_SCHEMA=1 writes it", () => {
  const text = `${JSON.stringify(jsonSchema(), undefined, 2)}\n`;
  if (process.env["UPDATE_SCHEMA"] === "1") writeFileSync(file, text);
  expect(readFileSync(file, "utf8")).toBe(text);
});

test("it refuses unknown keys in every section", () => {
  const { additionalProperties, properties } = jsonSchema() as {
    additionalProperties: unknown;
    properties: Record<string, { additionalProperties?: unknown }>;
  };
  expect(additionalProperties).toBe(false);
  expect(Object.keys(properties)).toEqual([
    "version",
    "extends",
    "environment",
    "workloads",
    "connections",
    "kernel",
    "files",
    "alerts",
    "chaos",
    "capacity",
    "exceptions",
  ]);
  for (const section of ["kernel", "files", "alerts", "chaos"]) {
    expect(properties[section]!.additionalProperties, section).toBe(false);
  }
});
