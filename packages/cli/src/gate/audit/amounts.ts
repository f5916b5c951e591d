const scale: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

/** Bytes as Redis writes them: `1k` is 1000, `1kb` is 1024. Undefined if it is none. */
export function redisBytes(text: string): number | undefined {
  const match = /^(\d+)(b|kb?|mb?|gb?)?$/i.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * scale[(match[2] ?? "").toLowerCase()]!;
}

const containerScale: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
};

const kubernetesScale: Readonly<Record<string, number>> = {
  "": 1,
  m: 1 / 1000,
  k: 1000,
  M: 1000 ** 2,
  G: 1000 ** 3,
  T: 1000 ** 4,
  P: 1000 ** 5,
  E: 1000 ** 6,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
  Ei: 1024 ** 6,
};

/** Bytes as a compose file writes them: `512m`, `1gb`, `1GiB`, all powers of 1024. */
export function composeBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)i?b?$/i.exec(text.trim());
  return match === null ? undefined : Math.floor(Number(match[1]) * containerScale[(match[2] ?? "").toLowerCase()]!);
}

/** Bytes as Kubernetes writes them: `512Mi`, `1G`, `1e9`, and thousandths, `128000m`. */
export function kubernetesBytes(text: string): number | undefined {
  const match = /^(\d+\.?\d*(?:[eE][+-]?\d+)?)(m|k|[MGTPE]|[KMGTPE]i)?$/.exec(text.trim());
  return match === null ? undefined : Math.floor(Number(match[1]) * kubernetesScale[match[2] ?? ""]!);
}

/** A whole number, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

export function bytesText(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}
