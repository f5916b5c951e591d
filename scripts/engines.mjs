// The gate's tests with the real k6 and Toxiproxy: `npm run engines`. They are in no package of npm or Debian; Go builds
// them once, in some minutes, into a folder of the user's cache. SNOWSHED_ENGINES names another folder that has them.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

const engines = [
  { program: "k6", module: "go.k6.io/k6", made: "k6", version: "1.8.1" },
  {
    program: "toxiproxy-server",
    module: "github.com/Shopify/toxiproxy/v2/cmd/server",
    made: "server",
    version: "2.12.0",
    flags: "-X github.com/Shopify/toxiproxy/v2.Version=2.12.0",
  },
];

const versions = engines.map(({ program, version }) => `${program}-${version}`).join("-");
const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
const folder = path.resolve(process.env["SNOWSHED_ENGINES"] ?? path.join(cache, "snowshed", versions));

for (const { program, module, made, version, flags = "" } of engines) {
  const file = path.join(folder, program);
  if (existsSync(file)) continue;
  console.error(`builds ${module} ${version} into ${folder}`);
  const building = path.join(folder, "building");
  mkdirSync(building, { recursive: true });
  const { status, error } = spawnSync("go", ["install", "-ldflags", `-s -w ${flags}`, `${module}@v${version}`], {
    env: { ...process.env, GOBIN: building },
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw error ?? new Error(`${program} cannot be built: it needs Go 1.25 or later`);
  // Under its name only when it is whole.
  renameSync(path.join(building, made), file);
  rmSync(building, { recursive: true });
}

process.env["SNOWSHED_ENGINES"] = folder;
const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = await startVitest("test", [], { root, include: ["packages/cli/test/gate/*.real.ts"], watch: false });
await vitest.close();
