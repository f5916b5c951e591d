// How a client goes about one logical request: `attempt()` gives `{ status, headers }`, 0 for no answer in time.

const library = process.env.SNOWSHED_DIST ?? new URL("../../../packages/snowshed/dist/", import.meta.url).href;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Three attempts with full jitter, of whatever fails. */
async function stubborn(attempt) {
  for (let count = 1; ; count++) {
    const { status } = await attempt();
    if (status === 200) return true;
    if (count === 3) return false;
    await sleep(Math.random() * 50 * 2 ** count);
  }
}

const failing = (attempt) => async () => {
  const { status } = await attempt();
  if (status !== 200) throw new Error(`status ${status}`);
};

const succeeds = (promise) =>
  promise.then(
    () => true,
    () => false,
  );

export const clients = {
  stubborn: () => stubborn,

  async cockatiel() {
    const { circuitBreaker, ExponentialBackoff, handleAll, retry, SamplingBreaker, wrap } = await import("cockatiel");
    const breaker = new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 });
    const policy = wrap(
      retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 50 }) }),
      circuitBreaker(handleAll, { halfOpenAfter: 5000, breaker }),
    );
    return (attempt) => succeeds(policy.execute(failing(attempt)));
  },

  async opossum() {
    const { default: CircuitBreaker } = await import("opossum");
    const breaker = new CircuitBreaker((call) => call(), { timeout: false, volumeThreshold: 20 });
    return (attempt) => succeeds(breaker.fire(failing(attempt)));
  },

  async snowshed() {
    const { pipeline, TransientError } = await import(new URL("index.js", library));
    const guarded = pipeline({ retry: 3, breaker: {}, limiter: { maxQueue: 100 } });
    return (attempt) =>
      succeeds(
        guarded
          .run(async () => {
            const response = await attempt();
            if (response.status === 0) throw new TransientError("no answer in time");
            return response;
          })
          .then(({ status }) => status === 200 || Promise.reject(new Error(`status ${status}`))),
      );
  },
};
