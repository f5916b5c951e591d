import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

interface Code {
  /** What it is called in the reports. */
  readonly path: string;
  readonly code: string;
}

export interface Report {
  readonly path: string;
  /** Without `snowshed/`; what oxlint itself says when it cannot read the code. */
  readonly rule: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

interface Diagnostic {
  readonly message: string;
  readonly code?: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number; readonly column: number } }[];
}

/** One run of the command line of oxlint over all of it, as TypeScript, with the built plugin and these rules only. */
export async function oxlint(
  codes: readonly Code[],
  rules: Readonly<Record<string, string>>,
): Promise<readonly Report[]> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "snowshed-oxlint-")));
  try {
    const files = join(folder, "files");
    mkdirSync(files);
    for (const [index, { code }] of codes.entries()) writeFileSync(join(files, `${index}.ts`), code);
    const config = { plugins: [], categories: { correctness: "off" }, jsPlugins: [built], rules };
    writeFileSync(join(folder, "oxlintrc.json"), JSON.stringify(config));
    const output = await run(["-c", join(folder, "oxlintrc.json"), "-f", "json", files], folder);
    const { diagnostics, number_of_files: read } = JSON.parse(output) as {
      readonly diagnostics: readonly Diagnostic[];
      readonly number_of_files: number;
    };
    if (read !== codes.length) throw new Error(`oxlint has read ${read} of ${codes.length} files: ${output}`);
    return diagnostics.map(({ message, code, filename, labels }) => ({
      path: codes[Number(/(\d+)\.ts$/.exec(filename)?.[1])]!.path,
      rule: /^snowshed\((.+)\)$/.exec(code ?? "")?.[1] ?? `oxlint: ${message}`,
      line: labels[0]?.span.line ?? 0,
      column: labels[0]?.span.column ?? 0,
      message,
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { cwd, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
    execFile(
      process.execPath,
      [join(root, "node_modules/oxlint/bin/oxlint"), ...args],
      limits,
      (error, stdout, stderr) => {
        // With reports its exit code is 1.
        if (error !== null && error.code !== 1) reject(new Error(`${error.message}\n${stdout}${stderr}`));
        else resolve(stdout);
      },
    );
  });
}
