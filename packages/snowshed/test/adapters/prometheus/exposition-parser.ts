// A strict reader of what is exposed to Prometheus: whatever is not as the specification says throws.

export interface ParsedFamily {
  readonly help: string;
  readonly type: string;
  readonly unit: string | undefined;
  /** By the whole of a sample's name and labels, these in the order of their names. */
  readonly samples: Map<string, number>;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const number = /^(?:[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/;
const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
};

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export function parseExposition(text: string, format: "text" | "openmetrics"): Map<string, ParsedFamily> {
  const isOpen = format === "openmetrics";
  check(text.endsWith("\n"), "the last line has no end");
  const lines = text.slice(0, -1).split("\n");
  if (isOpen) check(lines.pop() === "# EOF", "no # EOF at the end");
  const families = new Map<string, ParsedFamily>();
  let name = "";
  let comments: Record<string, string> = {};
  let family: ParsedFamily | null = null;
  for (const line of lines) {
    const comment = /^# (HELP|TYPE|UNIT|EOF)(?: (\S+) (.*))?$/.exec(line);
    if (comment !== null) {
      const [, keyword = "", about = "", rest = ""] = comment;
      check(keyword !== "EOF", "# EOF before the end");
      check(keyword !== "UNIT" || isOpen, "# UNIT in the text format");
      check(metricName.test(about), `not a name: ${about}`);
      if (family !== null || about !== name) [name, comments, family] = [about, {}, null];
      check(!families.has(about), `${about} comes twice`);
      check(!(keyword in comments), `${keyword} of ${about} comes twice`);
      check(!/\\(?![\\n"])/.test(rest) || keyword !== "HELP", `an escape that is none: ${rest}`);
      comments[keyword] = rest;
      continue;
    }
    check(!line.startsWith("#") && line !== "", `neither a comment nor a sample: ${JSON.stringify(line)}`);
    if (family === null) {
      const { HELP: help = "", TYPE: type = "", UNIT: unit } = comments;
      check(help !== "" && type in suffixes, `${name} has no help, or no type`);
      check(unit === undefined || name.endsWith(`_${unit}`), `${name} does not end in its unit`);
      family = { help, type, unit, samples: new Map() };
      families.set(name, family);
    }
    addSample(family, name, line, isOpen);
  }
  for (const [each, { type, samples }] of families) if (type === "histogram") checkHistogram(each, samples);
  return families;
}

function addSample(family: ParsedFamily, name: string, line: string, isOpen: boolean): void {
  const sample = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/s.exec(line);
  check(sample !== null, `not a sample: ${line}`);
  const [, full = "", labels, value = ""] = sample;
  const counter = family.type === "counter" && isOpen ? ["_total"] : suffixes[family.type]!;
  check(
    counter.some((suffix) => full === name + suffix),
    `${full} is no sample of the ${family.type} ${name}`,
  );
  if (family.type === "counter") check(full.endsWith("_total"), `the counter ${full} does not end in _total`);
  check(number.test(value), `not a number: ${value}`);
  const key = `${full}{${labelsOf(labels ?? "", isOpen).join(",")}}`;
  check(!family.samples.has(key), `${key} comes twice`);
  const parsed = Number(value.replace("Inf", "Infinity"));
  if (family.type === "counter") check(parsed >= 0 && parsed < Number.POSITIVE_INFINITY, `${key} is ${value}`);
  family.samples.set(key, parsed);
}

function labelsOf(text: string, isOpen: boolean): string[] {
  const labels = new Map<string, string>();
  let rest = text;
  while (rest !== "") {
    const label = /^([^=]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
    check(label !== null, `not a label: ${rest}`);
    const [whole, name = "", value = ""] = label;
    check(labelName.test(name) && !name.startsWith("__"), `not the name of a label: ${name}`);
    check(!labels.has(name), `the label ${name} comes twice`);
    if (name === "le" && isOpen) check(/^(?:\+Inf|\d+\.\d+)$/.test(value), `not canonical: le="${value}"`);
    labels.set(name, value);
    rest = rest.slice(whole.length);
  }
  return [...labels].map(([name, value]) => `${name}="${value}"`).toSorted();
}

function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const series = new Map<string, { le: number; count: number }[]>();
  for (const [key, count] of samples) {
    const bucket = new RegExp(`^${name}_bucket\\{(.*?),?le="([^"]*)"(.*)\\}$`, "s").exec(key);
    if (bucket === null) continue;
    const [, before = "", le = "", after = ""] = bucket;
    const labels = [before, after.replace(/^,/, "")].filter((part) => part !== "").join(",");
    const buckets = series.get(labels) ?? [];
    series.set(labels, [...buckets, { le: Number(le.replace("Inf", "Infinity")), count }]);
  }
  for (const [labels, buckets] of series) {
    const last = buckets.at(-1)!;
    check(last.le === Number.POSITIVE_INFINITY, `${name}{${labels}} has no last bucket`);
    check(
      samples.get(`${name}_count{${labels}}`) === last.count,
      `${name}{${labels}}: the count is not the last bucket`,
    );
    check(samples.has(`${name}_sum{${labels}}`), `${name}{${labels}} has no sum`);
    for (const [index, { le, count }] of buckets.slice(1).entries()) {
      check(le > buckets[index]!.le && count >= buckets[index]!.count, `${name}{${labels}} falls at ${le}`);
    }
  }
  const counts = [...samples.keys()].filter((key) => key.startsWith(`${name}_count{`));
  check(counts.length === series.size, `${name} has counts without buckets`);
}
