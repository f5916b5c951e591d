// One run: clients, a limiter, a service, and what became of the requests.
import { item } from "./item.mjs";
import { EventQueue } from "./event-queue.mjs";
import { exponential, random } from "./random.mjs";
import { Server } from "./server.mjs";

/** How long a client waits for one attempt. */
const patience = 1000;
/** How often a client tries, the first time included: naive, it also retries what was refused. */
const attempts = 3;

/**
 * @typedef {object} Place what admitted work holds; one of these is called, once
 * @property {() => void} success
 * @property {() => void} dropped
 * @property {() => void} ignore
 *
 * @typedef {object} Admission
 * @property {(begin: (place: Place) => void, refuse: () => void) => void} admit
 * @property {() => number} limit
 * @property {() => boolean} waiting whether promises may have something to do
 *
 * @typedef {(clock: EventQueue["clock"]) => Admission} MakeAdmission
 *
 * @typedef {object} Part
 * @property {number} goodput answered in time, per capacity
 * @property {number} served answered in time, per request offered
 * @property {number} shed attempts refused, per attempt
 * @property {number} p99 milliseconds from arrival to end, of what was admitted
 * @property {number} limit the mean
 *
 * @typedef {object} Result
 * @property {Record<string, Part>} parts
 * @property {Record<string, number>} recoveries seconds until three in a row served 95 % of what was offered
 */

/**
 * @param {object} options
 * @param {import("./shapes.mjs").Shape} options.shape
 * @param {import("./timeline.mjs").Timeline} options.timeline
 * @param {MakeAdmission} options.admission
 * @param {number} options.seed
 * @param {number} [options.cheapErrors] how many requests of a bad caller there are for each good one: they take a
 *   fiftieth of the time, and fail by their own fault
 * @param {(second: number, admission: Admission, server: Server) => void} [options.watch] called every second
 * @returns {Promise<Result>}
 */
export async function simulate({ shape, timeline, admission: make, seed, cheapErrors = 0, watch }) {
  const chance = random(seed);
  const events = new EventQueue(random(seed + 1_000_003));
  const server = new Server(events, shape.slots, shape.discipline);
  const admission = make(events.clock);
  const capacity = shape.slots / shape.mean;
  const seconds = timeline.phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const offered = new Float64Array(seconds + 10);
  /** Requests by the second in which they came, and were answered in the end. */
  const served = new Float64Array(seconds + 10);
  /** Requests by the second in which they were answered. */
  const answered = new Float64Array(seconds + 10);
  const tried = new Float64Array(seconds + 10);
  const refused = new Float64Array(seconds + 10);
  const limits = new Float64Array(seconds + 10);
  /** @type {number[][]} */
  const latencies = Array.from({ length: seconds + 10 }, () => []);
  const second = () => Math.floor(events.time / 1000);
  let longer = 1;

  /**
   * @param {number} came when the request came
   * @param {number} number of the attempt
   */
  const attempt = (came, number) => {
    const arrived = events.time;
    count(tried, second());
    /** The client waits for no more than one end of each attempt. */
    let open = true;
    const again = () => {
      open = false;
      if (number < attempts) {
        events.plan(events.time + chance() * 100 * 2 ** (number - 1), () => attempt(came, number + 1));
      }
    };
    const timer = events.plan(arrived + patience, again);
    admission.admit(
      (place) => {
        server.start(shape.work(chance) * longer, () => {
          const latency = events.time - arrived;
          latencies[second()]?.push(latency);
          if (latency > patience) return place.dropped();
          timer.run = null;
          open = false;
          count(served, Math.floor(came / 1000));
          count(answered, second());
          place.success();
        });
      },
      () => {
        count(refused, second());
        if (!open) return;
        timer.run = null;
        again();
      },
    );
  };

  const bad = () => {
    admission.admit(
      (place) => server.start((shape.mean / 50) * longer, () => place.ignore()),
      () => {},
    );
  };

  let begin = 0;
  for (const { seconds: length, from, to, slowdown = 1, latency = 1 } of timeline.phases) {
    const start = begin;
    const end = start + length * 1000;
    events.plan(start, () => {
      server.slowDown(slowdown);
      server.resize(Math.round(shape.slots * latency));
      longer = latency;
      // Drawn at the highest rate of the phase, and thinned to the rate of the moment.
      const highest = Math.max(from, to) * capacity;
      const next = () => {
        const at = events.time + exponential(chance) / highest;
        if (at >= end) return;
        events.plan(at, () => {
          const load = from + ((to - from) * (at - start)) / (end - start);
          if (chance() * Math.max(from, to) < load) {
            count(offered, second());
            attempt(at, 1);
            for (let index = 0; index < cheapErrors; index++) {
              events.plan(at + (chance() * 2) / highest, bad);
            }
          }
          next();
        });
      };
      next();
    });
    begin = end;
  }
  for (let index = 0; index < seconds; index++) {
    events.plan(index * 1000 + 999.5, () => {
      limits[index] = admission.limit();
      watch?.(index, admission, server);
    });
  }

  // Nobody looks at the stacks of a million refusals, and to take them is most of the time that a run takes.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  while (events.step(begin + 9000)) {
    // What the library answers by promise is answered before the next event: in no time.
    if (admission.waiting()) await settled();
  }
  Error.stackTraceLimit = stackTraceLimit;
  const sum = (/** @type {Float64Array} */ list, /** @type {number} */ from, /** @type {number} */ to) =>
    list.subarray(from, to).reduce((total, value) => total + value, 0);
  const parts = Object.fromEntries(
    timeline.measured.map(([name, from, to]) => {
      const times = Float64Array.from(latencies.slice(from, to).flat()).toSorted();
      return [
        name,
        {
          goodput: sum(answered, from, to) / ((to - from) * 1000 * capacity),
          served: sum(served, from, to) / sum(offered, from, to),
          shed: sum(refused, from, to) / sum(tried, from, to),
          p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
          limit: sum(limits, from, to) / (to - from),
        },
      ];
    }),
  );
  const well = (/** @type {number} */ index) => index < seconds && item(served, index) >= 0.95 * item(offered, index);
  const recoveries = Object.fromEntries(
    timeline.recoveries.map(([name, at]) => {
      let after = at;
      while (after < seconds - 2 && !(well(after) && well(after + 1) && well(after + 2))) after++;
      return [name, after < seconds - 2 ? after - at : Number.POSITIVE_INFINITY];
    }),
  );
  return { parts, recoveries };
}

/** Some turns of the microtask queue: more than the library needs. */
async function settled() {
  for (let turn = 0; turn < 6; turn++) await undefined;
}

/**
 * @param {Float64Array} list
 * @param {number} index
 */
function count(list, index) {
  list[index] = item(list, index) + 1;
}
