// What happens between two sockets of this process is waited for by turns of the loop, not by the clock: where it fakes one, too.

/** More than any exchange on a loopback connection needs where the kernel has the time for it. */
const mostTurns = 20_000;

/** And where it has not: milliseconds. */
let patience = 30_000;

/** What `run` waits for and does not come at once never comes: of what is broken on purpose. */
export async function impatiently<T>(run: () => Promise<T>): Promise<T> {
  const before = patience;
  patience = 0;
  try {
    return await run();
  } finally {
    patience = before;
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + patience;
  for (let turns = 0; !condition(); turns++) {
    if (turns >= mostTurns && performance.now() >= end) throw new Error(`never came: ${what}`);
    await turn();
  }
}

/** Lets everything happen that needs no time to pass. */
export async function quiet(turns: number = 50): Promise<void> {
  for (let index = 0; index < turns; index++) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
