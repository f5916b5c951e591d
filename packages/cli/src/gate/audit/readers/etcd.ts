import { unreadFact } from "../servers.ts";
import type { Reading, Setting } from "./setting.ts";
import { columnOf, linesOf } from "./setting.ts";
import { flagsOf, shellWords } from "./words.ts";
import { asMap, asText, readYaml } from "./yaml-text.ts";

/** etcd by any of its three ways: a YAML file, `ETCD_NAME=value` lines, or a command line (also that of a systemd unit). */
export function readEtcd(text: string): Reading {
  // Comments are prose: one may well speak of "etcd" and of something "human-readable".
  const bare = text.replaceAll(/^[ \t]*[#;].*$/gm, "");
  if (/^[ \t]*(?:export[ \t]+)?["']?ETCD_[A-Z0-9_]+=/m.test(bare) || /^\[\w+\]\s*$/m.test(bare)) return readLines(text);
  if (/^[ \t]*\{|^[\w'"-]+\s*:(?:\s|$)/m.test(bare)) return readEtcdYaml(text);
  if (/(?:^|[\s=/])etcd(?:\s|\\$|$)|^[ \t]*--?[a-z]|^[ \t]*\w+=/m.test(bare)) return readLines(text);
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
    // A key without a value is as good as none.
    if (value === null) continue;
    const shown = asText(value) ?? JSON.stringify(value);
    settings.push({ name, value: shown, ...document!.place([name]) });
  }
  return { settings, faults };
}

interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

function readLines(text: string): Reading {
  const settings: Setting[] = [];
  const faults: { message: string; line: number; column: number }[] = [];
  let words: Word[] = [];
  const isUnit = /^\[\w+\]\s*$/m.test(text);
  // What else a unit has is not for etcd: a description, commands that run before it.
  let isRead = !isUnit;
  for (const [index, line] of linesOf(text).entries()) {
    const place = { line: index + 1, column: columnOf(line) };
    const goesOn = /\\\s*$/.test(line);
    const trimmed = line.trim().replace(/\\$/, "");
    if (isUnit && words.length === 0) isRead = /^(?:Environment|EnvironmentFile|ExecStart)\s*=/.test(trimmed);
    if (isRead && !/^[#;[]/.test(trimmed)) {
      const read = shellWords(trimmed.replace(/^(?:Environment|ExecStart)\s*=/, ""));
      if (read === null) faults.push({ message: "a quote is not closed", ...place });
      else words.push(...read.map((word) => ({ text: word, line: place.line, column: place.column })));
    }
    if (goesOn) continue;
    settings.push(...settingsIn(words));
    words = [];
  }
  settings.push(...settingsIn(words));
  return { settings, faults };
}

/** What the words of one line, or of several that belong together, set. */
function settingsIn(words: readonly Word[]): readonly Setting[] {
  const settings: Setting[] = [];
  for (const { text, ...place } of words) {
    const [, name = "", value = ""] = /^(\w+)=([\s\S]*)$/.exec(text) ?? [];
    if (/^ETCD_[A-Z0-9_]+$/.test(name))
      settings.push(...settingsOf(etcdName(name.slice("ETCD_".length)), value, place));
    // Such as the DAEMON_ARGS of Debian.
    else if (value.startsWith("--")) {
      for (const flag of flagsOf(shellWords(value) ?? [])) settings.push(...settingsOf(flag.name, flag.value, place));
    } else if (name === "EnvironmentFile") settings.push({ name: unreadFact, value, ...place });
  }
  for (const { name, value, index } of flagsOf(words.map(({ text }) => text))) {
    const { line, column } = words[index]!;
    settings.push(...settingsOf(name, value, { line, column }));
  }
  return settings;
}

/** With a file of its own etcd takes all its settings from there. */
function settingsOf(name: string, value: string, place: Omit<Word, "text">): readonly Setting[] {
  const setting = { name, value, ...place };
  return name === "config-file" ? [setting, { name: unreadFact, value, ...place }] : [setting];
}

/** `HEARTBEAT_INTERVAL` as the flag is called: `heartbeat-interval`. */
export function etcdName(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}
