import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * Where something was made. V8 keeps the frames with all that they refer to until the text is made: then it is dear, and
 * before that it keeps alive what a search for leaks waits to see collected. So: `format()` at the next opportunity.
 *
 * @internal
 */
export class Site {
  #raw: { readonly stack?: string } | null;
  #text: string | null = null;

  constructor(raw: { readonly stack?: string }) {
    this.#raw = raw;
  }

  /** Makes the text, once; afterwards nothing is kept alive. */
  format(): void {
    if (this.#raw === null) return;
    const raw = this.#raw;
    this.#raw = null;
    try {
      const { stack } = raw;
      if (typeof stack === "string") this.#text = firstForeignFrame(stack);
    } catch {
      // An `Error.prepareStackTrace` of the program that fails: then without.
    }
  }

  /** `src/crawl.ts:41:9`, relative to the working directory. */
  get text(): string | null {
    this.format();
    return this.#text;
  }
}

/**
 * Frames of this library come first: at most five of them, for a task that `tryGo()` or a map starts. The rest is for
 * those of async functions in between.
 */
const depth = 8;

/** Where the caller of `below` was called from. @internal */
export function captureSite(below: (...values: never) => unknown): Site | null {
  const limit = Error.stackTraceLimit;
  const raw: { stack?: string } = {};
  try {
    Error.stackTraceLimit = depth;
    Error.captureStackTrace(raw, below);
    Error.stackTraceLimit = limit;
  } catch {
    // Frozen intrinsics: then without.
    return null;
  }
  return new Site(raw);
}

/** Where files of this library are, unless it is bundled with what uses it: then its frames cannot be told apart. */
const own = libraryFolders(import.meta.url);

function libraryFolders(url: string): readonly string[] {
  const folder = new URL("..", url).href;
  // Test runners show frames of the built files as of the sources: by the source maps.
  return /\/(?:src|dist)\/$/.test(folder) ? ["../src/", "../dist/"].map((each) => new URL(each, folder).href) : [];
}

function firstForeignFrame(stack: string): string | null {
  let fallback: string | null = null;
  for (const line of stack.split("\n")) {
    const [, place] = /^\s*at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:\\|[\w.-]+:).*:\d+:\d+)\)?$/.exec(line) ?? [];
    if (place === undefined || place.startsWith("node:")) continue;
    if (isOwn(asUrl(place))) fallback ??= place;
    else return relative(place);
  }
  return fallback === null ? null : relative(fallback);
}

function isOwn(url: string): boolean {
  return own.some((folder) => url.startsWith(folder));
}

function asUrl(place: string): string {
  return place.startsWith("/") ? `file://${place}` : place;
}

function relative(place: string): string {
  const [, file = place, position = ""] = /^(.*?)(:\d+:\d+)$/.exec(place) ?? [];
  try {
    const absolute = file.startsWith("file:") ? fileURLToPath(file) : file;
    if (!path.isAbsolute(absolute)) return place;
    const short = path.relative(process.cwd(), absolute);
    return `${short.length < absolute.length ? short : absolute}${position}`;
  } catch {
    // No path of this system, or the working directory is gone.
    return place;
  }
}
