// What happens to a service, second by second.

/**
 * @typedef {object} Phase
 * @property {number} seconds
 * @property {number} from load at its beginning, in multiples of the capacity
 * @property {number} to load at its end
 * @property {number} [slowdown] everything takes so many times longer: a fault of something behind the service
 * @property {number} [latency] every piece of work takes so many times longer, and as many times more run at once: a
 *   slow remote, whose capacity is the same
 *
 * @typedef {object} Timeline
 * @property {readonly Phase[]} phases
 * @property {readonly [name: string, from: number, to: number][]} measured parts to take averages of, in seconds
 * @property {readonly [name: string, at: number][]} recoveries from when on it is counted how long recovery takes
 */

/**
 * Half the load; more and more, up to three times the capacity; back to 0.7; then everything takes eight times as long
 * for ten seconds.
 *
 * @param {number} scale 1 is as long as it takes to be sure; shorter is noisier
 * @returns {Timeline}
 */
export function avalanche(scale) {
  const long = Math.round(30 * scale);
  const half = Math.round(20 * scale);
  const ramp = half + Math.round(20 * scale);
  const peak = ramp + long;
  const normal = peak + long;
  const fault = normal + 10;
  const end = fault + long;
  return {
    phases: [
      { seconds: half, from: 0.5, to: 0.5 },
      { seconds: ramp - half, from: 0.5, to: 3 },
      { seconds: long, from: 3, to: 3 },
      { seconds: long, from: 0.7, to: 0.7 },
      { seconds: 10, from: 0.7, to: 0.7, slowdown: 8 },
      { seconds: long, from: 0.7, to: 0.7 },
    ],
    measured: [
      ["half", Math.floor(half / 2), half],
      ["peak", ramp + Math.round(5 * scale), peak],
      ["normal", peak + 5, normal],
      ["after", fault + 10, end],
    ],
    recoveries: [
      ["overload", peak],
      ["fault", fault],
    ],
  };
}

/**
 * After an overload, at 0.7 of the capacity, what is behind the service takes twice as long from then on.
 *
 * @returns {Timeline}
 */
export function latencyShift() {
  return {
    phases: [
      { seconds: 5, from: 0.5, to: 0.5 },
      { seconds: 15, from: 3, to: 3 },
      { seconds: 15, from: 0.7, to: 0.7 },
      { seconds: 40, from: 0.7, to: 0.7, latency: 2 },
    ],
    measured: [
      ["shifted", 35, 45],
      ["settled", 45, 75],
    ],
    recoveries: [["shift", 35]],
  };
}

/**
 * One load from beginning to end.
 *
 * @param {number} load
 * @param {number} seconds
 * @returns {Timeline}
 */
export function steady(load, seconds) {
  return {
    phases: [{ seconds, from: load, to: load }],
    measured: [["steady", Math.floor(seconds / 3), seconds]],
    recoveries: [],
  };
}
