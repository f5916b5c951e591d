import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

import { NotAvailable } from "../ours.mjs";

/** Bytes of a bundle of `code`, minified and gzipped. */
async function gzipped(code, directory) {
  const { build } = await import("esbuild");
  const result = await build({
    stdin: { contents: code, resolveDir: directory },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    platform: "node",
    write: false,
  });
  const [file] = result.outputFiles;
  return { gzip: gzipSync(file.contents, { level: 9 }).length, minified: file.contents.length };
}

/** The lines of snowshed's index that export something from concurrency/, minus type exports (which have no code). */
async function concurrencyExports(directory) {
  const index = await readFile(new URL("index.js", directory), "utf8");
  return index.match(/export\s*\{[^}]*\}\s*from\s*"\.\/concurrency\/[^"]+";?/g) ?? [];
}

const snowshed = (pick) => async (env) => {
  const directory = new URL(env.variables.SNOWSHED_DIST);
  const lines = pick(await concurrencyExports(directory));
  if (lines.length === 0) throw new NotAvailable("snowshed does not export it");
  return gzipped(lines.join("\n"), directory.pathname);
};

const named = (name) =>
  snowshed((lines) => {
    const line = lines.find((candidate) => new RegExp(`\\b${name}\\b(?!\\s+as)`).test(candidate));
    return line === undefined ? [] : [`export { ${name} } from ${line.slice(line.lastIndexOf('"./'))}`];
  });

const peer = (id) => ({
  id,
  role: "peer",
  sample: (env) => gzipped(`import * as all from "${id}"; globalThis.all = all;`, env.directory),
});

export const row = {
  name: "size",
  title: "gzip size",
  unit: "bytes",
  metric: "gzip",
  kind: "size",
  rounds: 1,
  what: `esbuild bundles and minifies one module that re-exports the thing, its imports included, the modules of Node
excepted; gzip level 9. "concurrency/ whole": everything that the index of snowshed exports from concurrency/. 1 kB is 1000 bytes.`,
  contenders: [
    { id: "concurrency/ whole", role: "ours", sample: snowshed((lines) => lines) },
    ...["Semaphore", "Context", "WaitGroup", "Group", "Channel", "ReentrantSemaphore", "mapConcurrent", "batch"].map(
      (name) => ({
        id: `${name} alone`,
        role: name === "Semaphore" ? "ours" : "variant",
        sample: named(name),
      }),
    ),
    ...["p-limit", "p-map", "p-queue", "async-sema", "async-mutex", "fastq", "cockatiel"].map(peer),
  ],
  targets: [
    { text: "concurrency/ whole ≤ 8 kB", ours: "concurrency/ whole", atMost: 8000 },
    { text: "Semaphore alone ≤ 1.5 kB", ours: "Semaphore alone", atMost: 1500 },
  ],
};
