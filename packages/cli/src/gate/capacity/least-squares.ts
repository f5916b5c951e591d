interface Coefficient {
  readonly value: number;
  /** One standard deviation. */
  readonly error: number;
}

/** The coefficients with which the columns of `rows` come nearest to `targets`; undefined when there are too few rows. */
export function leastSquares(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
): Coefficient[] | undefined {
  const columns = rows[0]?.map((_, index) => index) ?? [];
  if (rows.length <= columns.length) return undefined;
  const inverse = inverted(columns.map((i) => columns.map((j) => sum(rows.map((row) => row[i]! * row[j]!)))));
  if (inverse === undefined) return undefined;
  const right = columns.map((i) => sum(rows.map((row, at) => row[i]! * targets[at]!)));
  const solution = inverse.map((row) => sum(row.map((value, j) => value * right[j]!)));
  const rest = rows.map((row, at) => (targets[at]! - sum(row.map((value, i) => value * solution[i]!))) ** 2);
  const variance = sum(rest) / (rows.length - columns.length);
  return solution.map((value, i) => ({ value, error: Math.sqrt(variance * Math.abs(inverse[i]![i]!)) }));
}

/** Gauss–Jordan with pivots; undefined for a matrix that has no inverse. */
function inverted(matrix: readonly (readonly number[])[]): number[][] | undefined {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column; row < size; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    }
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const head = rows[column]!;
    const by = head[column]!;
    if (Math.abs(by) < 1e-300 || !Number.isFinite(by)) return undefined;
    rows[column] = head.map((value) => value / by);
    rows.forEach((row, index) => {
      if (index === column) return;
      const factor = row[column]!;
      rows[index] = row.map((value, at) => value - factor * rows[column]![at]!);
    });
  }
  return rows.map((row) => row.slice(size));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
