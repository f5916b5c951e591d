import type { FileHandle } from "node:fs/promises";
import { open, unlink } from "node:fs/promises";
import type { Snapshot } from "./snapshot-types.ts";

/** Characters that are made at once: between two pieces the event loop is free. */
const pieceSize = 128 * 1024;

/**
 * Writes a snapshot as a file that only this user can read. A file that is there already, or a link, is never followed
 * or overwritten. On a failure, such as a full disk, it rejects and nothing is left behind.
 *
 * @internal
 */
export async function writeDumpFile(file: string, dump: Snapshot): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await writeAll(handle, dumpPieces(dump));
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => {});
    await unlink(file).catch(() => {});
    throw error;
  }
}

/** The JSON of a snapshot with a task or resource on each line, so that a line tool can read it too. */
function* dumpPieces(dump: Snapshot): Generator<string> {
  const { tasks, resources, ...head } = dump;
  yield `{\n${JSON.stringify(head).slice(1, -1)},\n`;
  yield* list("resources", resources);
  yield ",\n";
  yield* list("tasks", tasks);
  yield "\n}\n";
}

function* list(name: string, entries: readonly object[]): Generator<string> {
  let piece = `"${name}":[`;
  for (const [index, entry] of entries.entries()) {
    piece += `${index === 0 ? "\n" : ",\n"}${JSON.stringify(entry)}`;
    if (piece.length < pieceSize) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}]`;
}

async function writeAll(handle: FileHandle, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) await handle.writeFile(piece);
}
