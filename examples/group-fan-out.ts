// Fan-out with a deadline: a page needs three services. Two are required: if one fails, the others are canceled and the
// page fails at once. One is optional: it has less time and may be missing.
import type { Duration } from "snowshed";
import { Context, DeadlineExceededError, Group } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock(); // Stands for the services: each answers after the time given.

async function call<T>(context: Context, name: string, takes: Duration, answer: () => T): Promise<T> {
  try {
    await context.sleep(takes); // In a service: fetch(url, { signal: context.signal })
    return answer();
  } catch (error) {
    console.log(`  ${name}: ${(error as Error).message}`);
    throw error;
  }
}

async function optional<T>(context: Context, timeout: Duration, task: (context: Context) => Promise<T>) {
  using own = context.withTimeout(timeout);
  try {
    return await task(own);
  } catch (error) {
    // Only its own timeout makes it optional: a canceled page must not go on.
    if (error instanceof DeadlineExceededError && !context.aborted) return undefined;
    throw error;
  }
}

async function productPage(sku: string, price: () => number): Promise<string> {
  using deadline = Context.root({ clock }).withTimeout("800ms");
  await using group = new Group({ signal: deadline, name: sku });
  const cost = group.go((context) => call(context, "price", "120ms", price));
  const stock = group.go((context) => call(context, "stock", "200ms", () => 7));
  const reviews = group.go((context) =>
    optional(context, "150ms", (own) => call(own, "reviews", "2s", () => ["good", "fair"])),
  );
  await group.wait(); // Rejects with the first error by time, when no task is running any more.
  return `${sku}: ${cost.value} EUR, ${stock.value} in stock, ${reviews.value?.length ?? "no"} reviews`;
}

async function show(sku: string, price: () => number): Promise<void> {
  const started = clock.now();
  const page = productPage(sku, price).catch((error: unknown) => `${sku}: failed with ${String(error)}`);
  await clock.advance("150ms");
  await clock.advance("50ms");
  console.log(`${await page} (${clock.now() - started} ms)`);
}

await show("lamp", () => 25);
await show("chair", () => {
  throw new Error("no price");
});

// Output:
//   reviews: the deadline was exceeded
// lamp: 25 EUR, 7 in stock, no reviews (200 ms)
//   price: no price
//   stock: the operation was canceled
//   reviews: the operation was canceled
// chair: failed with Error: no price (200 ms)
