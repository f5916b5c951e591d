// A source larger than memory, and an answer before its end: reads pages only as fast as they are searched, three at a
// time, in order; at the first match the loop is left, which cancels what runs and closes the source.
import type { Context } from "snowshed";
import { forEachConcurrent, mapConcurrent } from "snowshed";

let read = 0;

/** Stands for a cursor over a table of a million pages. */
async function* pages(): AsyncGenerator<number, void, void> {
  try {
    for (let page = 1; page <= 1_000_000; page++) {
      read++;
      yield page;
    }
  } finally {
    console.log("cursor closed");
  }
}

async function search(page: number, context: Context): Promise<string | undefined> {
  await Promise.resolve(); // In a service: a query with { signal: context.signal }
  context.throwIfAborted();
  return page === 40 ? "ada@example.org" : undefined;
}

for await (const match of mapConcurrent(pages(), search, { concurrency: 3 })) {
  if (match === undefined) continue;
  console.log(`found ${match}`);
  break;
}
console.log(`${read <= 43 ? "no more than 43" : read} of 1000000 pages read`);

// Without results to yield: forEachConcurrent. It rejects with the first error once no task is running.
let alive = 0;
let most = 0;
const job = forEachConcurrent(
  [1, 2, 3, 4, 5, 6],
  async (page) => {
    most = Math.max(most, ++alive);
    await Promise.resolve();
    alive--;
    if (page === 4) throw new Error(`page ${page} is damaged`);
  },
  { concurrency: 2 },
);
await job.catch((error: unknown) => console.log(`${(error as Error).message}; ${alive} alive, ${most} at most`));

// Output:
// found ada@example.org
// cursor closed
// no more than 43 of 1000000 pages read
// page 4 is damaged; 0 alive, 2 at most
