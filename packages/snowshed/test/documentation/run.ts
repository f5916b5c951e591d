import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../../../", import.meta.url));
const compiler = join(root, "node_modules/typescript/bin/tsc");

const options = {
  extends: "../../tsconfig.base.json",
  compilerOptions: {
    // Examples see what users see: the built declarations, not the sources.
    customConditions: [],
    rootDir: ".",
    outDir: "out",
    moduleDetection: "force",
    isolatedDeclarations: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  },
};

interface Output {
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Type-checks and compiles modules by name (without extension) in a folder below the root of the repository, where
 * package names resolve as for a user. Gives, by name, the compiler's messages and the place of the compiled module.
 */
export async function compile(modules: ReadonlyMap<string, string>): Promise<{
  readonly module: (name: string) => { readonly messages: readonly string[]; readonly path: string };
  readonly remove: () => void;
}> {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  const place = mkdtempSync(join(root, ".tmp", "compiled-"));
  for (const [name, code] of modules) writeFileSync(join(place, `${name}.ts`), code);
  const files = [...modules.keys()].map((name) => `${name}.ts`);
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ ...options, files }));
  const { stdout, stderr } = await execute([compiler, "-p", place, "--pretty", "false"], place, 300);
  const all = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
  const general = all.filter((line) => !/^\s|^[^\s(]+\.ts\(/.test(line));
  return {
    module: (name) => ({
      messages: [...general, ...all.filter((line) => line.startsWith(`${name}.ts(`))],
      path: join(place, "out", `${name}.js`),
    }),
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

/** Runs a compiled module to its end in a process of its own; one that does not end within a minute has failed. */
export function run(path: string): Promise<Output> {
  return execute(["--enable-source-maps", path], root, 60);
}

function execute(args: readonly string[], cwd: string, seconds: number): Promise<Output> {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, NODE_OPTIONS: undefined };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env, timeout: 1000 * seconds }, (error, stdout, stderr) => {
      resolve({
        failed: error !== null,
        stdout,
        stderr: error?.killed ? `${stderr}\nkilled after ${seconds} s` : stderr,
      });
    });
  });
}
