import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { FetchFailure } from "./failure.ts";

/** What is asked for unless the user names other encodings. */
export const acceptEncoding = "gzip, deflate, br";

/** How to undo one `Content-Encoding`, by its name and the first bytes of the body. */
const decoders: Readonly<Record<string, (first: Buffer) => Transform>> = {
  br: () => createBrotliDecompress(),
  // Meant is zlib's format, but some servers send the bare stream: the first byte tells.
  deflate: (first) => ((first[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
};

export type MakeDecoder = (first: Buffer) => Transform;

/** The decoder for a body with this header; `undefined` when it comes as it is. Throws `FetchFailure` when unknown. */
export function decoderFor(contentEncoding: string | readonly string[] | undefined): MakeDecoder | undefined {
  if (contentEncoding === undefined) return undefined;
  const name = String(contentEncoding).trim().toLowerCase();
  if (name === "" || name === "identity") return undefined;
  const decoder = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  if (decoder !== undefined) return decoder;
  const shown = name.slice(0, 40);
  throw new FetchFailure(
    "BAD_ENCODING",
    `the body is encoded as ${shown}, which was not asked for and is not supported`,
  );
}
