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
    // And what `sysctl --system` says before each file.
    if (/^(?:sysctl: |\* Applying )/.test(trimmed) || /^-[^=]*$/.test(trimmed)) continue;
    const match = /^-?\s*([\w*?./@:-]+)\s*=\s*(.*)$/.exec(trimmed);
    if (match === null) {
      faults.push({ message: "it is not `name = value`", ...place });
      continue;
    }
    // The whole line is written, and the kernel takes the number it begins with.
    const value = match[2]!.replace(/(?<=^-?\d+)\s+[#;].*$/, "").replaceAll(/\s+/g, " ");
    settings.push({ name: sysctlName(match[1]!), value, ...place });
  }
  return { settings, faults };
}

/** `net/core/somaxconn` as `net.core.somaxconn`: the first separator tells which form it is. */
function sysctlName(name: string): string {
  if (!/^[^.]*\//.test(name)) return name;
  return name.replaceAll(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}
