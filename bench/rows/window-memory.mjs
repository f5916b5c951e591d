import { ours } from "../ours.mjs";

/** Makes so many windows, then uses each of them. */
const held = (make, record) => async () => {
  const create = await make();
  return (size, lap) => {
    const windows = Array.from({ length: size }, create);
    lap("submit");
    for (const window of windows) record(window);
    lap("use");
  };
};

const recordOurs = (window) => window.record(false, 0);
const recordTheirs = (breaker) => breaker.success(0);

const sizes = [10_000];

export const row = {
  name: "window-memory",
  title: "outcome windows: bytes held by each",
  unit: "ms",
  kind: "phases",
  memory: true,
  rounds: 1,
  sizes,
  what: `10,000 windows are made, and each is used once. "held" is what one keeps alive on
the heap, whatever the traffic; the ring of a CountWindow is outside of it, one byte for each outcome, and so are the
counters of a TimeWindow, 16 bytes a slice.`,
  contenders: [
    {
      id: "CountWindow, last 100",
      role: "ours",
      setup: held(async () => {
        const { CountWindow } = await ours("CountWindow");
        return () => new CountWindow(100);
      }, recordOurs),
    },
    {
      id: "CountWindow, last 10,000",
      role: "variant",
      setup: held(async () => {
        const { CountWindow } = await ours("CountWindow");
        return () => new CountWindow(10_000);
      }, recordOurs),
    },
    {
      id: "TimeWindow, 10 s in 10",
      role: "ours",
      setup: held(async () => {
        const { TimeWindow } = await ours("TimeWindow");
        return () => new TimeWindow();
      }, recordOurs),
    },
    {
      id: "cockatiel CountBreaker, last 100",
      role: "peer",
      setup: held(async () => {
        const { CountBreaker } = await import("cockatiel");
        return () => new CountBreaker({ threshold: 0.5, size: 100 });
      }, recordTheirs),
    },
    {
      id: "cockatiel SamplingBreaker, 10 s",
      role: "peer",
      setup: held(async () => {
        const { SamplingBreaker } = await import("cockatiel");
        return () => new SamplingBreaker({ threshold: 0.5, duration: 10_000 });
      }, recordTheirs),
    },
  ],
  targets: [
    { text: "at most 0.5 kB", ours: "TimeWindow, 10 s in 10", metric: "bytes", atMost: 500 },
    { text: "at most 0.5 kB", ours: "CountWindow, last 100", metric: "bytes", atMost: 500 },
  ],
};
