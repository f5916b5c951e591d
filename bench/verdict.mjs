import { median } from "./measure.mjs";

// From samples to "reached: yes or no".

const valuesOf = (cell, metric) => (metric === "bytes" ? [cell.bytes] : cell.samples.map((sample) => sample[metric]));

/** The middle of what the rounds of a cell gave for one metric. */
export function typical(cell, metric) {
  const values = valuesOf(cell, metric);
  return values.length === 0 || values[0] === undefined ? undefined : median(values);
}

/** The exponent p of time = size^p that fits best: 1 is linear, 2 quadratic. */
function exponent(points) {
  const logs = points.map(([size, time]) => [Math.log(size), Math.log(time)]);
  const mean = (column) => logs.reduce((sum, log) => sum + log[column], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const top = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return top / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

/**
 * The middle of the ratios of neighbours: within a round, of the repetitions that were taken in the same turn; then of
 * the rounds. What disturbed one of the two disturbed the other as well.
 */
function ratioOf(a, b, metric) {
  const rounds = Math.min(a.rounds.length, b.rounds.length);
  const ratios = Array.from({ length: rounds }, (_, round) => {
    const [above, below] = [a.rounds[round], b.rounds[round]];
    if (above.length === 1 || below.length === 1) return a.samples[round][metric] / b.samples[round][metric];
    const pairs = Math.min(above.length, below.length);
    return median(Array.from({ length: pairs }, (__, turn) => above[turn][metric] / below[turn][metric]));
  });
  return median(ratios);
}

const usable = (cell) => cell !== undefined && cell.missing === undefined;

const growthAllowance = 0.2;

function growth(target, cells, metric, subject) {
  const powerOf = (id) => {
    const points = cells.filter((cell) => cell.contender.id === id && usable(cell));
    return points.length < 3 ? undefined : exponent(points.map((cell) => [cell.size, typical(cell, metric)]));
  };
  const value = powerOf(target.ours);
  const markValue = powerOf(target.growsLike);
  if (value === undefined || markValue === undefined) return { ...subject, missing: "too few sizes" };
  return {
    ...subject,
    value,
    markValue,
    mark: target.growsLike,
    reached: value <= Math.max(1, markValue) + growthAllowance,
  };
}

function sameSize(target, cells, metric, subject) {
  const [small, large] = target.sameAt.map((size) =>
    cells.find((cell) => cell.contender.id === target.ours && cell.size === size),
  );
  if (!usable(small) || !usable(large)) return { ...subject, missing: "one of the sizes is missing" };
  const [from, to] = [typical(small, metric), typical(large, metric)];
  const reached = to <= Math.max(from * target.atMost, from + target.slack);
  return { ...subject, value: to, markValue: from, mark: `at ${target.sameAt[0]} tasks`, ratio: to / from, reached };
}

/** One line of the table: `{ row, target, value, mark, markValue, ratio, reached }` or `{ …, missing }`. */
function judge(row, target, cells) {
  const metric = target.metric ?? row.metric ?? "cpu";
  const subject = { row, target, metric };
  const find = (id) => cells.find((cell) => cell.contender.id === id && (!target.size || cell.size === target.size));
  const ours = find(target.ours);
  if (!usable(ours)) return { ...subject, missing: ours?.missing ?? "not measured" };
  if (target.growsLike !== undefined) return growth(target, cells, metric, subject);
  if (target.sameAt !== undefined) return sameSize(target, cells, metric, subject);
  const value = typical(ours, metric);
  if (target.marks === undefined) {
    const rounded = metric === "bytes" ? Math.round(value) : value;
    return { ...subject, value, mark: "", ratio: undefined, reached: rounded <= target.atMost };
  }
  const marks =
    target.marks === "peers" ? row.contenders.filter(({ role }) => role === "peer").map(({ id }) => id) : target.marks;
  const present = marks.map(find).filter((cell) => usable(cell) && typical(cell, metric) !== undefined);
  if (present.length === 0) return { ...subject, value, missing: "nothing to compare with" };
  const fastest = present.reduce((a, b) => (typical(a, metric) <= typical(b, metric) ? a : b));
  const ratio = ratioOf(ours, fastest, metric);
  const shared = { ...subject, value, mark: fastest.contender.id, markValue: typical(fastest, metric) };
  if (target.times !== undefined) return { ...shared, ratio: 1 / ratio, reached: 1 / ratio >= target.times };
  if (target.moreBy !== undefined) {
    return { ...shared, ratio, reached: shared.value - shared.markValue < target.moreBy };
  }
  if (target.below !== undefined) return { ...shared, ratio, reached: ratio < target.below };
  return { ...shared, ratio, reached: target.atMost === undefined ? undefined : ratio <= target.atMost };
}

export const judgeRow = (row, cells) => row.targets.map((target) => judge(row, target, cells));
