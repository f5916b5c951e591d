import { typical } from "./verdict.mjs";

// RESULTS.md: first the targets, one line each, then every row with all its contenders.

function number(value) {
  if (value === undefined || Number.isNaN(value)) return "";
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

const table = (head, rows) => {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const alignment = head.map((title) =>
    ["what", "contender", "the mark", "target", "reached"].includes(title) ? "---" : "--:",
  );
  return [line(head), line(alignment), ...rows.map(line)].join("\n");
};

const unitOf = ({ row, metric }) => ({ bytes: "B", resident: "MB" })[metric] ?? row.unit;
const atSize = (size) => (size === undefined ? "" : `, ${size.toLocaleString("en-US")}`);

function verdictLine({ row, target, missing, value, mark, markValue, ratio, reached, metric }) {
  const title = `${row.title}${target.growsLike ? "" : atSize(target.size)}`;
  if (missing !== undefined) return [title, "", "", "", target.text, `not available: ${missing}`];
  if (target.growsLike !== undefined) {
    return [
      title,
      `N^${number(value)}`,
      `${mark}: N^${number(markValue)}`,
      "",
      target.text,
      reached ? "yes" : "**no**",
    ];
  }
  const unit = unitOf({ row, metric });
  const against = mark ? `${mark}: ${number(markValue)}` : "";
  const times = ratio === undefined ? "" : `${number(ratio)}×`;
  const answer = reached === undefined ? "–" : reached ? "yes" : "**no**";
  return [title, `${number(value)} ${unit}`, against, times, target.text, answer];
}

/** The columns of the details, by the kind of the row: head and how to get it from a cell. */
const range = (cell, metric) => {
  const values = cell.samples.map((sample) => sample[metric]);
  return `${number(Math.min(...values))}–${number(Math.max(...values))}`;
};
const best = (cell) => number(Math.min(...cell.samples.map((sample) => sample.wall)));
const first = (cell) => number(typical(cell, "first"));
const rounds = (cell) => cell.rounds.map((repetitions) => repetitions.length).join("+");
const bytes = (cell) => (cell.bytes === undefined ? "" : number(Math.round(cell.bytes)));

function phases(cell) {
  const [{ phases: sample }] = cell.samples.toSorted((a, b) => a.cpu - b.cpu).slice(cell.samples.length >> 1);
  return Object.entries(sample)
    .map(([name, spent]) => `${name} ${number(spent)}`)
    .join(", ");
}

function columnsOf(row) {
  const time = [
    [`CPU ${row.unit}`, (cell) => number(typical(cell, "cpu"))],
    ["range", (cell) => range(cell, "cpu")],
    [`best wall ${row.unit}`, best],
  ];
  switch (row.kind) {
    case "phases":
      return [
        ...time,
        ["first run", first],
        ["phases, CPU ms", phases],
        ...(row.memory ? [["held B/waiter", bytes]] : []),
        ["repetitions", rounds],
      ];
    case "memory":
      return [
        ["peak heap MB", (cell) => number(typical(cell, "heap"))],
        ["range", (cell) => range(cell, "heap")],
        ["growth of RSS MB", (cell) => number(typical(cell, "resident"))],
        ["repetitions", rounds],
      ];
    case "size":
      return [
        ["gzip B", (cell) => number(typical(cell, "gzip"))],
        ["minified B", (cell) => number(typical(cell, "minified"))],
      ];
    case "process":
      return [
        ["wall s", (cell) => number(typical(cell, "medianWall"))],
        ["range", (cell) => range(cell, "medianWall")],
        ["CPU s", (cell) => number(typical(cell, "cpu"))],
        ["peak RSS MB", (cell) => number(typical(cell, "resident"))],
        ["repetitions", rounds],
      ];
    default:
      if (row.metric !== "medianWall") return [...time, ["alloc B/op", bytes], ["repetitions", rounds]];
      return [
        [`wall ${row.unit}`, (cell) => number(typical(cell, "medianWall"))],
        ["range", (cell) => range(cell, "medianWall")],
        [`best wall ${row.unit}`, best],
        ["repetitions", rounds],
      ];
  }
}

function details({ row, cells }) {
  const columns = columnsOf(row);
  const lines = cells.map((cell) => {
    const name = `${cell.contender.role === "ours" ? `**${cell.contender.id}**` : cell.contender.id}${atSize(cell.size)}`;
    if (cell.samples.length === 0) return [name, cell.missing ?? "not measured", ...columns.slice(1).map(() => "")];
    return [name, ...columns.map(([, get]) => get(cell))];
  });
  const head = ["contender", ...columns.map(([title]) => title)];
  return `### ${row.title} (\`--only ${row.name}\`)\n\n${row.what}\n\n${table(head, lines)}`;
}

export function markdown(results, machine) {
  const verdicts = results.flatMap((result) => result.verdicts);
  const missed = verdicts.filter((verdict) => verdict.reached === false);
  const head = ["what", "snowshed", "the mark", "ratio", "target", "reached"];
  return `# Speed: snowshed and its peers in one run

Reproduce: \`${machine.command}\`

${machine.lines.map((line) => `- ${line}`).join("\n")}

Each contender runs in a process of its own, new in every round. Within a round all are warm and take turns, a repetition
each, the other way round every other time. The figure is CPU time (user and system, all threads of the process), the
median of a round's repetitions and then of the rounds; the range is that of the rounds. A ratio is the median of the
ratios of repetitions from the same turn, and then of the rounds, so it need not be the quotient of the two figures.
Best wall is the shortest repetition. Allocation is what the heap grew by with a young generation of 256 MB.
Bold lines are snowshed's; where the target speaks of peers, the mark is the fastest of them.

## Targets

${missed.length === 0 ? "None of those measured was missed." : `${missed.length} of ${verdicts.length} were missed: see **no**.`}

${table(head, verdicts.map(verdictLine))}

## Details

${results.map(details).join("\n\n")}
`;
}
