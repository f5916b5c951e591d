/** What `promtool check rules` says of a rule. */
export interface CheckProblem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

/** What `promtool test rules` says of an alert that did something else than expected. */
export interface TestFailure {
  /** The name of the test, as written by whoever wrote it. */
  readonly test: string | null;
  readonly alert: string;
  readonly time: string;
  /** How many alerts of the name fired, and how many should have. */
  readonly got: number;
  readonly expected: number;
  readonly detail: string;
}

/** Problems in the text of `promtool check rules`; what is not understood becomes one problem with all of it. */
export function checkProblems(output: string): CheckProblem[] {
  const problems: CheckProblem[] = [];
  let last: { file: string; line: number | null; column: number | null; message: string } | null = null;
  let file = "";
  for (const line of output.split("\n")) {
    const checked = /^Checking (.+)$/.exec(line);
    if (checked !== null) {
      [file, last] = [checked[1]!, null];
      continue;
    }
    if (/^\s*(?:FAILED:|SUCCESS: .*)?\s*$/.test(line)) continue;
    const placed = file !== "" && line.startsWith(`${file}: `) ? line.slice(file.length + 2) : null;
    if (placed === null) {
      // Such as the second line of "yaml: unmarshal errors:".
      if (last !== null) {
        const inner = /^\s*line (\d+): /.exec(line);
        if (inner !== null && last.line === null) last.line = Number(inner[1]);
        last.message += ` ${line.trim()}`;
      }
      continue;
    }
    const at = /^(?:(\d+):(\d+): |yaml: line (\d+): )?(.*)$/s.exec(placed)!;
    last = {
      file,
      line: at[1] !== undefined || at[3] !== undefined ? Number(at[1] ?? at[3]) : null,
      column: at[2] === undefined ? null : Number(at[2]),
      message: at[4]!,
    };
    // It says the same of a file more than once.
    const { line: row, column, message } = last;
    if (problems.some((each) => each.line === row && each.column === column && each.message === message)) continue;
    problems.push(last);
  }
  return problems;
}

/** Failures in the text of `promtool test rules`. */
export function testFailures(output: string): TestFailure[] {
  const failures: TestFailure[] = [];
  const head = /^ {4}(?:name: (.*),\n\s+)?alertname: (.+), time: (\S+), *$/gm;
  const heads = [...output.matchAll(head)];
  for (const [index, match] of heads.entries()) {
    const end = heads[index + 1]?.index ?? output.length;
    const detail = output.slice(match.index + match[0].length, end);
    const split = detail.indexOf("\n        got:[");
    const [expected, got] = split === -1 ? [detail, ""] : [detail.slice(0, split), detail.slice(split)];
    failures.push({
      test: match[1] ?? null,
      alert: match[2]!,
      time: match[3]!,
      expected: alertsIn(expected),
      got: alertsIn(got),
      detail: detail.trim(),
    });
  }
  return failures;
}

function alertsIn(text: string): number {
  return text.match(/^[ \t]*Labels:\{/gm)?.length ?? 0;
}
