import type { Reading, Setting } from "./setting.ts";
import { columnOf, linesOf } from "./setting.ts";
import { flagsOf, shellWords } from "./words.ts";
import { asMap, asText, readYaml } from "./yaml-text.ts";

/** etcd by any of its three ways: a YAML file, `ETCD_NAME=value` lines, or a command line (also that of a systemd unit). */
export function readEtcd(text: string): Reading {
  if (
    /^[ \t]*(?:export[ \t]+)?["']?ETCD_[A-Z_]+=/m.test(text) ||
    /(?:^|[\s=/])etcd(?:\s|\\$|$)[^:]*--?[a-z]/m.test(text)
  ) {
    return readLines(text);
  }
  if (/^\s*--?[a-z][\w-]*(?:=|\s)/m.test(text) && !/^[\w'"-]+\s*:(?:\s|$)/m.test(text)) return readLines(text);
  return readEtcdYaml(text);
}

function readEtcdYaml(text: string): Reading {
  const { documents, faults } = readYaml(text);
  const settings: Setting[] = [];
  const document = documents[0];
  if (document !== undefined && document.value !== null && typeof document.value !== "object") {
    return { settings, faults: [...faults, { message: "it is no mapping of settings", line: 1, column: 1 }] };
  }
  for (const [name, value] of Object.entries(asMap(document?.value))) {
    const shown = asText(value) ?? JSON.stringify(value);
    settings.push({ name, value: shown, ...document!.place([name]) });
  }
  return { settings, faults };
}

function readLines(text: string): Reading {
  const settings: Setting[] = [];
  const faults: { message: string; line: number; column: number }[] = [];
  for (const [index, line] of linesOf(text).entries()) {
    const place = { line: index + 1, column: columnOf(line) };
    const trimmed = line.trim().replace(/\\$/, "");
    if (trimmed === "" || /^[#;[]/.test(trimmed)) continue;
    const words = shellWords(trimmed.replace(/^Environment=/, ""));
    if (words === null) {
      faults.push({ message: "a quote is not closed", ...place });
      continue;
    }
    for (const word of words) {
      const match = /^ETCD_([A-Z_]+)=([\s\S]*)$/.exec(word);
      if (match !== null) settings.push({ name: etcdName(match[1]!), value: match[2]!, ...place });
    }
    for (const { name, value } of flagsOf(words)) settings.push({ name, value, ...place });
  }
  return { settings, faults };
}

/** `HEARTBEAT_INTERVAL` as the flag is called: `heartbeat-interval`. */
export function etcdName(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}
