import type { Fault, Reading, Setting } from "./setting.ts";
import { columnOf, linesOf } from "./setting.ts";

/** sysctl.conf, a file of sysctl.d, or what `sysctl -a` printed. */
export function readSysctl(text: string): Reading {
  const settings: Setting[] = [];
  const faults: Fault[] = [];
  for (const [index, line] of linesOf(text).entries()) {
    const place = { line: index + 1, column: columnOf(line) };
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/.test(trimmed)) continue;
    // What `sysctl -a` says of those it may not read, and `-name` of a file: "do not set it, whatever a pattern says".
    if (trimmed.startsWith("sysctl: ") || /^-[^=]*$/.test(trimmed)) continue;
    const match = /^-?\s*([\w*?./@:-]+)\s*=\s*(.*)$/.exec(trimmed);
    if (match === null) faults.push({ message: "it is not `name = value`", ...place });
    else settings.push({ name: sysctlName(match[1]!), value: match[2]!.replaceAll(/\s+/g, " "), ...place });
  }
  return { settings, faults };
}

/** `net/core/somaxconn` as `net.core.somaxconn`: the first separator tells which form it is. */
function sysctlName(name: string): string {
  if (!/^[^.]*\//.test(name)) return name;
  return name.replaceAll(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}
