const plainWords: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EEXIST: "a file with that name is in the way",
  EFBIG: "the file would be larger than this system allows",
  EIO: "the device reported an error",
  EISDIR: "it is a folder",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  ENOENT: "no such file or folder",
  ENOSPC: "no space left on the disk",
  ENOTDIR: "a part of the path is not a folder",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** The code of an error of the operating system, such as `ENOSPC`; empty for any other error. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** An error of the operating system in words, with its code: `no space left on the disk (ENOSPC)`. */
export function describeSystemError(error: unknown): string {
  const code = systemCode(error);
  const words = plainWords[code];
  if (words !== undefined) return `${words} (${code})`;
  return error instanceof Error ? error.message : String(error);
}
