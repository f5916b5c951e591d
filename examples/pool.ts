// A database that goes away while four callers hold and wait: all are told in time, and every place is there when it is
// back. The last part finds who forgot a connection.
import { FakeClock } from "snowshed/testing";
import { Pool } from "snowshed/throttle";

const clock = new FakeClock();

let isUp = true;
let made = 0;

/** Stands for a client of a real database. */
class Connection {
  readonly id = ++made;
  broken = false;

  async query(text: string): Promise<string> {
    if (!isUp) {
      this.broken = true;
      throw Object.assign(new Error("the connection was reset"), { code: "ECONNRESET" });
    }
    return `${text} by connection ${this.id}`;
  }
}

async function connect(): Promise<Connection> {
  if (!isUp) throw Object.assign(new Error("the database is down"), { code: "ECONNREFUSED" });
  return new Connection();
}

const pool = new Pool({
  create: connect,
  validate: ({ broken }) => !broken,
  max: 2,
  leakThreshold: "60s",
  onLeak: ({ heldFor, acquiredAt }) => {
    const [place = ""] = acquiredAt.split("\n");
    console.log(`held for ${heldFor / 1000} s: acquired ${place.replace(/ \(.*/, "")}`);
  },
  clock,
});

async function ask(text: string): Promise<string> {
  try {
    return await pool.run((connection) => connection.query(text));
  } catch (error) {
    return `${text}: ${(error as Error).message}`;
  }
}

async function show(answers: Promise<string[]>): Promise<void> {
  console.log((await answers).join("; "));
}

await show(Promise.all(["one", "two", "three"].map(ask)));

isUp = false;
await show(Promise.all(["four", "five", "six", "seven"].map(ask)));
console.log(`places taken: ${pool.size}`);

isUp = true;
const back = Promise.all(["eight", "nine"].map(ask));
await clock.advance("1s"); // Attempts to connect come after a pause.
await show(back);

async function forgetful(): Promise<void> {
  await pool.permit();
}
await forgetful();
await clock.advance("60s");
await pool.close({ timeout: 0 }).catch((error: unknown) => console.log(String(error)));

// Output:
// one by connection 1; two by connection 2; three by connection 1
// four: the connection was reset; five: the connection was reset; six: the database is down; seven: the database is down
// places taken: 0
// eight by connection 3; nine by connection 4
// held for 60 s: acquired at forgetful
// TimeoutError: 1 resources of a pool were still held after 0 ms
