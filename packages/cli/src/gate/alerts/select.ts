import type { Preset } from "../config/presets/preset.ts";
import type { Alert } from "./alert.ts";
import type { StoreInUse } from "./demands.ts";

/** Whom nobody asks for series that are not there, unless the store is in use or an entry of `include` says so. */
const stores: ReadonlySet<string> = new Set<StoreInUse>(["etcd", "redis", "kafka"]);

/**
 * The alerts of a preset, of these the ones an entry of `include` names; an entry that names none is `unmatched`. Without
 * `include` all, but for the watch over series of a store that is not in `used`: where there is none it would fire for ever.
 */
export function selectAlerts(
  all: readonly Alert[],
  preset: Preset,
  include?: readonly string[],
  used: ReadonlySet<string> = stores,
): { readonly alerts: readonly Alert[]; readonly unmatched: readonly string[] } {
  const offered = all.filter(({ meta }) => meta.preset === undefined || meta.preset === preset.name);
  if (include === undefined) {
    const isIdle = ({ id, exporter }: Alert["meta"]): boolean =>
      id.endsWith("-absent") && stores.has(exporter) && used.size > 0 && !used.has(exporter);
    return { alerts: offered.filter(({ meta }) => !isIdle(meta)), unmatched: [] };
  }
  const patterns = include.map((text) => ({ text, matches: pattern(text) }));
  return {
    alerts: offered.filter(({ meta }) => patterns.some(({ matches }) => matches(meta.id))),
    unmatched: patterns.filter(({ matches }) => !offered.some(({ meta }) => matches(meta.id))).map(({ text }) => text),
  };
}

/** `*` stands for any text. No regular expression: one of many stars could take for ever. */
function pattern(text: string): (id: string) => boolean {
  const [first = "", ...rest] = text.split("*");
  return (id) => {
    if (rest.length === 0) return id === first;
    const last = rest.at(-1)!;
    if (!id.startsWith(first)) return false;
    let from = first.length;
    for (const part of rest.slice(0, -1)) {
      const found = id.indexOf(part, from);
      if (found === -1) return false;
      from = found + part.length;
    }
    return id.length - last.length >= from && id.endsWith(last);
  };
}
