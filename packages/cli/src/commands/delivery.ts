import { Command, Option } from "../commander.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";

const epilogue = `
Without --apply it prints the SQL, for a migration or for psql. It may be run again: what is there stays as it is.

With --apply it uses the package pg of the project in this folder, and makes the partitions of the next days, too. Without
an address, $DATABASE_URL is taken: what stands in the arguments of a program can be read by others on the machine.

Exit codes: 0 printed or made; 1 the database cannot be asked, or refused; 2 wrong usage.

Examples:
  snowshed delivery schema                           # both, as SQL
  snowshed delivery schema --only outbox > outbox.sql
  snowshed delivery schema --apply                   # into $DATABASE_URL
  snowshed delivery schema --apply postgres://127.0.0.1/shop --schema billing
`;

interface Flags {
  readonly apply?: string | true;
  readonly schema?: string;
  readonly table?: string;
  readonly only?: "deduplication" | "outbox";
}

/** The command `delivery`; `done` gets its exit code. */
export function deliveryCommand(io: Io, notes: Notes, done: (exitCode: number) => void): Command {
  const schema = new Command("schema")
    .description("The tables of PostgresDeduplicationStore and Outbox: their SQL, or the tables themselves.")
    .option("--apply [url]", "make the tables in this database; default: $DATABASE_URL")
    .option("--schema <name>", "the schema of the database they are in; default: public")
    .option("--table <name>", "the name of the table, with --only")
    .addOption(new Option("--only <which>", "only these tables").choices(["deduplication", "outbox"]))
    .addHelpText("after", epilogue)
    .action(async ({ apply, schema: name, table, only }: Flags) => {
      if (table !== undefined && only === undefined) throw new UsageError("--table goes with --only");
      const url = apply === undefined ? undefined : addressOf(apply, io.env);
      const { runSchema } = await import("../delivery/schema.ts");
      done(await runSchema({ url, schema: name, table, only }, io, notes));
    });
  return new Command("delivery").addCommand(schema);
}

function addressOf(given: string | true, env: Io["env"]): string {
  const text = given === true ? env["DATABASE_URL"] : given;
  if (text === undefined || text === "") {
    throw new UsageError("which database? Give its address, such as postgres://127.0.0.1/shop, or set DATABASE_URL");
  }
  // Not the text itself: it may hold a password.
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw new UsageError("the address must begin with postgres://");
  }
  return text;
}
