// One lock, functions that call each other: transfer() must be atomic, and is made of withdraw() and deposit(), which
// others call on their own and which therefore take the lock themselves. A plain Semaphore(1) would wait for itself.
import { Context, ReentrantSemaphore, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const context = Context.root({ clock });
const ledger = new ReentrantSemaphore(1, { name: "ledger" });
const balances = new Map([
  ["ada", 100],
  ["bob", 0],
]);

function deposit(account: string, amount: number): Promise<void> {
  return ledger.run(async () => {
    const balance = balances.get(account)!;
    await context.sleep("5ms"); // Another task that changed the balance now would be lost.
    balances.set(account, balance + amount);
  });
}

async function withdraw(account: string, amount: number): Promise<void> {
  if (balances.get(account)! < amount) throw new RangeError(`${account} has less than ${amount}`);
  await deposit(account, -amount);
}

function transfer(from: string, to: string, amount: number): Promise<void> {
  return ledger.run(async () => {
    await withdraw(from, amount);
    await deposit(to, amount);
  });
}

const transfers = [transfer("ada", "bob", 70), transfer("ada", "bob", 70), transfer("bob", "ada", 20)];
console.log(`${ledger.pending} transfers waiting`);
const settled = Promise.allSettled(transfers);
await clock.advance("1s");
for (const result of await settled) console.log(result.status === "fulfilled" ? "done" : String(result.reason));
console.log(Object.fromEntries(balances), `${ledger.available} free`);

// The same shape on a plain semaphore never gets its second permit; a timeout turns the hang into an error.
const plain = new Semaphore(1);
const nested = plain
  .run(() => plain.run(() => "unreachable", { signal: context, timeout: "1s" }))
  .catch((error: unknown) => String(error));
await clock.advance("1s");
console.log(await nested);

// Output:
// 2 transfers waiting
// done
// RangeError: ada has less than 70
// done
// { ada: 50, bob: 50 } 1 free
// TimeoutError: waited 1000 ms for 1 of the 1 permits
