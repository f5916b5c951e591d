// What the server does for a request. `slowdown` is the fault: everything takes so many times longer.

export const fault = { slowdown: 1 };

/** Keeps the thread busy, by the wall clock. */
function compute(ms) {
  const end = performance.now() + ms * fault.slowdown;
  while (performance.now() < end);
}

/**
 * Ten connections of 40 ms each, in the order of arrival: a database pool as most have it. All workloads bear about 250 a
 * second: at three times that, with three attempts each, the generator still has its core to spare.
 */
const waiting = [];
let free = 10;

function query() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    serve();
  });
}

function serve() {
  while (free > 0 && waiting.length > 0) {
    const resolve = waiting.shift();
    free--;
    setTimeout(() => {
      free++;
      resolve();
      serve();
    }, 40 * fault.slowdown);
  }
}

export const workloads = {
  pool: query,
  cpu: async () => compute(4),
  mixed: async () => {
    compute(2);
    await query();
  },
};
