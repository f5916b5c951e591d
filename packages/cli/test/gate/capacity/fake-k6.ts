import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** A k6 that says what `truth` says for so many users: it checks how it is called, hangs while there is a file `hang`,
 * and fails at a load with what a file `<load>.fails` says. */
export function fakeK6(folder: string, loads: readonly number[], truth: (users: number) => number): string {
  for (const load of loads) {
    const summary = {
      metrics: {
        http_reqs: { values: { rate: truth(load), count: 100 } },
        http_req_duration: { values: { med: load / 10, "p(99)": load / 5, avg: load / 9 } },
        http_req_failed: { values: { rate: 0 } },
      },
    };
    writeFileSync(path.join(folder, `${load}.answer`), JSON.stringify(summary));
  }
  const script = `#!/bin/sh
[ "$1 $2 $3 $5 $7" = "run --quiet --config --vus --duration" ] || { echo "called with $*" >&2; exit 107; }
[ "$(cat "$4")" = "{}" ] || { echo "it takes the user's settings" >&2; exit 112; }
grep -q 'from "k6/http"' "$9" || exit 108
grep -q 'redirects: 0' "$9" || { echo "it follows redirects" >&2; exit 110; }
[ -n "$SNOWSHED_TARGET" ] || exit 109
[ -z "$K6_RPS$K6_NO_SUMMARY" ] || { echo "it takes the user's environment" >&2; exit 112; }
[ "\${8%ms}" -ge 1000 ] || { echo "the duration must be at least 1s" >&2; exit 104; }
[ ! -e "${folder}/hang" ] || exec sleep 60
[ ! -e "${folder}/$6.fails" ] || { cat "${folder}/$6.fails" >&2; exit 111; }
cat "${folder}/$6.answer" > "$SNOWSHED_SUMMARY"
`;
  const file = path.join(folder, "k6");
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  return `${folder}${path.delimiter}${process.env["PATH"] ?? ""}`;
}
