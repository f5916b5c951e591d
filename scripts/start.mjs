// `npm start`: builds, then runs the command line in this process. Without arguments it is the
// demonstration; `npm start -- fetch urls.txt` passes on what it is given.
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "./build.mjs";

const bin = fileURLToPath(new URL("../packages/cli/dist/bin.js", import.meta.url));
const given = process.argv.slice(2);

if (!build() || !existsSync(bin)) {
  console.error("The build failed: nothing was started.");
  process.exitCode = 2;
} else {
  process.argv.splice(1, process.argv.length, bin, ...(given.length > 0 ? given : ["demo"]));
  // npm runs scripts in the folder of package.json; paths in the arguments are meant from where the user stands.
  if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  await import(pathToFileURL(bin).href);
}
