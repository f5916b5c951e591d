/** A part of the timeline: how much is asked for, in times of what the service can do, and how slow the database is. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly load: number;
  readonly slowdown: number;
}

/** Of the database: so many queries at a time, each taking 20 to 60 ms. */
export const databaseSlots = 10;
export const queryTime: { readonly least: number; readonly most: number } = { least: 20, most: 60 };
/** An order needs two queries. */
export const queriesPerOrder = 2;

const meanQueryTime = (queryTime.least + queryTime.most) / 2;

/** Orders per second that the database can serve: no arrangement in front of it can serve more. */
export const capacity: number = (databaseSlots * 1000) / meanQueryTime / queriesPerOrder;

/** A user who has waited so long has left, in milliseconds. */
export const patience = 1000;

const phases: readonly Phase[] = [
  { name: "calm", seconds: 2, load: 0.5, slowdown: 1 },
  { name: "overload", seconds: 4, load: 3, slowdown: 1 },
  { name: "after the overload", seconds: 3, load: 0.7, slowdown: 1 },
  { name: "fault", seconds: 1, load: 0.7, slowdown: 8 },
  { name: "after the fault", seconds: 3, load: 0.7, slowdown: 1 },
];

/** The phases, stretched so that they take `seconds` together. */
export function timeline(seconds: number): readonly Phase[] {
  const total = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  return phases.map(({ name, seconds: own, load, slowdown }) => ({
    name,
    seconds: (own * seconds) / total,
    load,
    slowdown,
  }));
}

/** When each user comes, in milliseconds from the start: a Poisson process, the same for the same seed. */
export function arrivals(plan: readonly Phase[], seed: number): number[] {
  const random = seededRandom(seed);
  const times: number[] = [];
  let begin = 0;
  for (const { seconds, load } of plan) {
    const end = begin + seconds * 1000;
    const mean = 1000 / (load * capacity);
    for (let at = begin - Math.log(1 - random()) * mean; at < end; at -= Math.log(1 - random()) * mean) times.push(at);
    begin = end;
  }
  return times;
}

/** Numbers in [0, 1): the generator mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
