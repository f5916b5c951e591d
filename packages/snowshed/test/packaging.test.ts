// What every published package of the workspace must bring, and what must agree between them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string;
  readonly repository?: { readonly directory?: string };
  readonly engines?: { readonly node?: string };
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean };
  readonly dependencies?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(`${root}${folder}/package.json`, "utf8")) as Manifest;
const folders = readdirSync(`${root}packages`).map((name) => `packages/${name}`);
const versions = new Map(folders.map((folder) => [manifest(folder).name, manifest(folder).version]));

test.each(folders)("%s is complete", (folder) => {
  expect(manifest(folder)).toMatchObject({
    license: "MIT",
    author: "snowshed contributors",
    repository: { directory: folder },
    engines: manifest(".").engines,
    publishConfig: { access: "public", provenance: true },
  });
  expect(readFileSync(`${root}${folder}/LICENSE`, "utf8")).toBe(readFileSync(`${root}LICENSE`, "utf8"));
  expect(existsSync(`${root}${folder}/README.md`)).toBe(true);
});

test.each(folders)("%s pins its dependencies, those of the workspace at their version", (folder) => {
  for (const [name, range] of Object.entries(manifest(folder).dependencies ?? {})) {
    expect(range, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(range, name).toBe(versions.get(name) ?? range);
  }
});
