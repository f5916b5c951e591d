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
[ "$1 $2 $3 $5" = "run --quiet --vus --duration" ] || { echo "called with $*" >&2; exit 107; }
grep -q 'from "k6/http"' "$7" || exit 108
grep -q 'maxRedirects: 0' "$7" || { echo "it follows redirects" >&2; exit 110; }
[ -n "$SNOWSHED_TARGET" ] || exit 109
[ ! -e "${folder}/hang" ] || exec sleep 60
[ ! -e "${folder}/$4.fails" ] || { cat "${folder}/$4.fails" >&2; exit 111; }
cat "${folder}/$4.answer" > "$SNOWSHED_SUMMARY"
`;
  const file = path.join(folder, "k6");
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  return `${folder}${path.delimiter}${process.env["PATH"] ?? ""}`;
}
