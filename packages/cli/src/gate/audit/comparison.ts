/** A comparison such as `>=4096`; `4096` alone is `=4096`. */
export function holds(comparison: string, value: string): boolean {
  const match = /^(>=|<=|=|>|<)?\s*(-?\d+)$/.exec(comparison.trim());
  if (match === null) throw new TypeError(`not a comparison: ${comparison}`);
  if (!/^-?\d+$/.test(value.trim())) return false;
  // BigInt: file-max can be beyond what a number holds exactly.
  const [got, wanted] = [BigInt(value.trim()), BigInt(match[2] ?? "")];
  switch (match[1]) {
    case ">=":
      return got >= wanted;
    case "<=":
      return got <= wanted;
    case ">":
      return got > wanted;
    case "<":
      return got < wanted;
    default:
      return got === wanted;
  }
}
