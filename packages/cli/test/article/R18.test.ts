// Chapter 5: "pools must match the parameters of the kernel": the article's table, row by row, as the preset article has it, and as
// the preset recommended corrects it.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

interface Machine {
  readonly preset?: "article" | "recommended";
  /** Of connections; what is not said is small enough. */
  readonly max?: Readonly<Record<string, number>>;
  readonly maxIdle?: number;
  readonly sysctl?: Readonly<Record<string, string>>;
}

/** The table, and the text above it. */
const table = {
  max: { redis: 200, kafka: 50, etcd: 10 },
  maxIdle: 50,
  sysctl: {
    "net.core.somaxconn": "65535",
    "net.ipv4.tcp_tw_reuse": "1",
    "vm.swappiness": "1",
    "fs.file-max": "2097152",
  },
} as const;

async function audit({ preset = "article", max = table.max, maxIdle = 50, sysctl = table.sysctl }: Machine) {
  const folder = temporaryFolder();
  const connections = Object.entries(max).map(([name, most]) => {
    const idle = name === "redis" ? `, maxIdle: ${maxIdle}` : "";
    return `  ${name}: { max: ${most}, perProcess: 1, processes: 4, commandTimeoutMs: 400, maxQueue: 0${idle} }`;
  });
  writeFileSync(
    path.join(folder, "snowshed.yaml"),
    `version: 1\nextends: snowshed:${preset}\nkernel: { from: sysctl.conf }\nconnections:\n${connections.join("\n")}\n`,
  );
  const lines = Object.entries(sysctl).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(path.join(folder, "sysctl.conf"), `${lines.join("\n")}\n`);
  const { code, stdout } = await run(["gate", "audit", "-c", path.join(folder, "snowshed.yaml"), "-o", "json"]);
  const stage = (JSON.parse(stdout) as GateReport).stages.find((each) => each.stage === "audit")!;
  return {
    code,
    found: stage.findings.map(({ rule, severity }) => `${severity} ${rule.replace("audit/", "")}`),
    lines: stage.findings.map(({ file, line }) => `${path.basename(file ?? "")}:${line}`),
    skipped: stage.notes.flatMap(({ rule }) => rule ?? []).map((rule) => rule.replace("audit/", "")),
  };
}

describe("R18: the table of chapter 5", () => {
  test("what is exactly as the table says passes", async () => {
    expect(await audit({})).toMatchObject({ code: 0, found: [] });
  });

  test.each([
    ["redis", 201],
    ["kafka", 51],
    ["etcd", 11],
  ])("%s: %i connections are one too many", async (name, most) => {
    const { code, found } = await audit({ max: { ...table.max, [name]: most } });
    expect({ code, found }).toEqual({ code: 1, found: ["error pool-max-connections"] });
  });

  test("51 idle connections to Redis are one too many", async () => {
    expect(await audit({ maxIdle: 51 })).toMatchObject({ code: 1, found: ["error pool-max-idle"] });
  });

  test.each([
    ["net.core.somaxconn", "128", "error somaxconn"],
    ["net.core.somaxconn", "65534", "error somaxconn"],
    ["net.ipv4.tcp_tw_reuse", "2", "error tcp-tw-reuse"],
    ["vm.swappiness", "60", "error swappiness"],
    ["vm.swappiness", "0", "error swappiness"],
    ["fs.file-max", "2097151", "error file-max"],
  ])("%s = %s blocks, with the line it is on", async (name, value, finding) => {
    const { code, found, lines } = await audit({ sysctl: { ...table.sysctl, [name]: value } });
    expect(found).toEqual([finding]);
    expect(lines).toEqual([`sysctl.conf:${Object.keys(table.sysctl).indexOf(name) + 1}`]);
    expect(code).toBe(1);
  });

  test("a row of which nothing is known is skipped by name, and not passed in silence", async () => {
    const { skipped } = await audit({ sysctl: {} });
    expect(skipped).toEqual(expect.arrayContaining(["file-max", "somaxconn", "swappiness", "tcp-tw-reuse"]));
  });
});

describe("R18: corrected", () => {
  const preset = "recommended";

  test("the kernel's own defaults pass where they are enough, and more than the table is no fault", async () => {
    const sysctl = {
      "net.core.somaxconn": "4096",
      "net.ipv4.tcp_tw_reuse": "2",
      "vm.swappiness": "0",
      "fs.file-max": "9223372036854775807",
    };
    expect((await audit({ preset, sysctl })).found).toEqual([]);
  });

  test("the article's 200 connections in front of somaxconn 128 still block", async () => {
    const { code, found } = await audit({ preset, sysctl: { "net.core.somaxconn": "128" } });
    expect({ code, found }).toEqual({ code: 1, found: ["error somaxconn"] });
  });

  test("a cap of the table warns, since the server bears more", async () => {
    const { code, found } = await audit({ preset, max: { redis: 201 } });
    expect({ code, found }).toEqual({ code: 0, found: ["warning pool-max-connections", "info tcp-tw-reuse"] });
  });
});
