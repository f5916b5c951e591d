// Copying a folder of 500 files at once. Each copy has two files open, and 64 descriptors are meant for it: 32 run at a time,
// the others wait. Then something else has taken the descriptors: the call is not lost, it is tried again with fewer.
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileHandles } from "snowshed/throttle";

const handles = new FileHandles({ limit: 64, name: "backup" });
const folder = await mkdtemp(join(tmpdir(), "backup-"));
let running = 0;
let most = 0;

async function backUp(name: string): Promise<void> {
  running++;
  most = Math.max(most, running);
  await copyFile(join(folder, name), join(folder, `${name}.backup`));
  running--;
}

try {
  const names = Array.from({ length: 500 }, (_, number) => `${number}.txt`);
  await Promise.all(names.map((name) => handles.run(() => writeFile(join(folder, name), "text"))));
  await Promise.all(names.map((name) => handles.run(() => backUp(name), { weight: 2 })));
  console.log(`${(await readdir(folder)).length} files, at most ${most} copies at a time`);

  let attempts = 0;
  const text = await handles.run(() => {
    // Stands for a moment in which sockets have all descriptors.
    if (++attempts < 3) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
    return readFile(join(folder, "0.txt.backup"), "utf8");
  });
  const { limit, maximum, held } = handles.inspect();
  console.log(`"${text}" at attempt ${attempts}; the limit is ${limit} of ${maximum}, ${held} are held`);
} finally {
  await rm(folder, { recursive: true });
}

// Output:
// 1000 files, at most 32 copies at a time
// "text" at attempt 3; the limit is 16 of 64, 0 are held
