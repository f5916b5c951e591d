import process from "node:process";
import { exitCode } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { rulesDoctor } from "./alerts/doctor.ts";
import { auditDoctor } from "./audit/doctor.ts";
import { capacityDoctor } from "./capacity/doctor.ts";
import { chaosTools } from "./chaos/doctor.ts";
import type { Checkup, DoctorCheck } from "./doctor-check.ts";

const checks: readonly DoctorCheck[] = [auditDoctor, rulesDoctor, capacityDoctor].flat();

type Row = Pick<DoctorCheck, "name" | "stage" | "neededFor"> & Checkup;

/** Prints what there is and what is missing. Nothing missing is wrong by itself: exit code 0. */
export async function examine(json: boolean, io: Io): Promise<number> {
  const rows = [...(await Promise.all(checks.map((check) => look(check, io)))), ...(await chaosRows(io))];
  if (json) {
    io.stdout.write(`${JSON.stringify({ node: process.version, checks: rows }, undefined, 2)}\n`);
    return exitCode.ok;
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(({ name, stage, neededFor, found, hint }) => {
    const begin = `${found === null ? "missing" : "there  "}  ${name.padEnd(width)}  ${stage.padEnd(8)}  `;
    return found === null ? `${begin}${neededFor}\n${" ".repeat(begin.length)}${hint}` : `${begin}${found}`;
  });
  io.stdout.write(`node ${process.version} on ${process.platform}\n${lines.join("\n")}\n`);
  return exitCode.ok;
}

async function look({ name, stage, neededFor, ...check }: DoctorCheck, { env }: Io): Promise<Row> {
  try {
    return { name, stage, neededFor, ...(await check.look(env)) };
  } catch (error) {
    return { name, stage, neededFor, found: null, hint: `could not be looked at: ${(error as Error).message}` };
  }
}

async function chaosRows({ env }: Io): Promise<Row[]> {
  const tools = await chaosTools(env, process.cwd());
  return tools
    .filter(({ name }) => name !== "promtool")
    .map(({ name, use, missing }) => ({
      name,
      stage: "chaos",
      neededFor: use,
      found: missing === null ? use : null,
      hint: missing ?? "",
    }));
}
