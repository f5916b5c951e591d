// What stands before the service: the limiter of the library, or nothing.

/**
 * What is used of the library: built (`dist/`) for the bench, its sources for the test.
 *
 * @typedef {Pick<typeof import("snowshed"), "Limiter" | "gradient" | "aimd" | "vegas" | "errorRate" | "fixed">} Library
 *
 * @typedef {import("./simulation.mjs").MakeAdmission} MakeAdmission
 * @typedef {import("snowshed").LimitAlgorithm} LimitAlgorithm
 */

/** How long a caller waits in the queue at most: as long as a client waits for an answer. */
const patience = 1000;

/** @type {MakeAdmission} */
export const open = () => ({
  admit: (begin) => begin({ success() {}, dropped() {}, ignore() {} }),
  limit: () => Number.NaN,
  waiting: () => false,
});

/**
 * @param {Library} library
 * @param {() => LimitAlgorithm} algorithm
 * @param {number | "limit"} maxQueue
 * @returns {MakeAdmission}
 */
export function limited({ Limiter }, algorithm, maxQueue) {
  return (clock) => {
    const limiter = new Limiter({ algorithm: algorithm(), maxQueue, clock });
    let waiting = 0;
    return {
      admit(begin, refuse) {
        const permit = limiter.tryAcquire();
        if (permit !== undefined) return begin(permit);
        if (maxQueue === 0) return refuse();
        waiting++;
        limiter.acquire({ maxWait: patience }).then(
          (late) => {
            waiting--;
            begin(late);
          },
          () => {
            waiting--;
            refuse();
          },
        );
      },
      limit: () => limiter.limit,
      waiting: () => waiting > 0,
    };
  };
}
