import type { Fact } from "../facts.ts";

/** Facts as a file of that kind would give them, for the cases of rules. */
export function factsOf(subject: string, values: Readonly<Record<string, string>>, server?: string): readonly Fact[] {
  const path = subject === "kernel" ? ["kernel", "from"] : ["files", subject, 0];
  return Object.entries({ "(server)": subject, ...values }).map(([name, value], index) => ({
    subject,
    name,
    value,
    path,
    server: server ?? `${subject}.conf`,
    file: `${server ?? subject}.conf`,
    line: index + 1,
    column: 1,
  }));
}

/** Facts as a running server would give them. */
export function liveFactsOf(
  subject: string,
  values: Readonly<Record<string, string>>,
  server: string = "live",
): readonly Fact[] {
  const path = subject === "kernel" ? ["kernel"] : ["connections", subject];
  return Object.entries({ "(server)": server, ...values }).map(([name, value]) => ({
    subject,
    name,
    value,
    path,
    server,
    file: null,
    line: null,
    column: null,
  }));
}
