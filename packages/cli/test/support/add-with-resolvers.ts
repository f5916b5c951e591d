/** The client that starts the brokers of tests wants Node 22, and this is all it misses of it. */
export function addWithResolvers(): void {
  Object.assign(Promise, {
    withResolvers() {
      const made: { resolve?: unknown; reject?: unknown } = {};
      const promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
      return { promise, ...made };
    },
  });
}
