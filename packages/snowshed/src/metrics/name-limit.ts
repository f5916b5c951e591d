/** What things are called that have no name, and those that come when there are too many names. */
const unnamed = "unnamed";
const other = "other";
/** A longer name is cut: it is somebody's data, not a name. */
const longest = 100;

/**
 * Keeps what a program calls its things fit for labels. Each new label value is a time series for as long as a database
 * keeps it, so only the first `most` names are kept apart, for good: what comes later is `"other"`, also when the first
 * ones are gone.
 *
 * @internal
 */
export class NameLimit {
  readonly #most: number;
  readonly #names = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  label(name: string | undefined): string {
    if (name === undefined || name === "") return unnamed;
    if (this.#names.has(name)) return name;
    // Half of a pair of code units is no text in UTF-8: two such names would be the same there.
    const short = name.slice(0, longest).replaceAll(/\p{Surrogate}/gu, "\uFFFD");
    if (short === unnamed || short === other || this.#names.has(short)) return short;
    if (this.#names.size >= this.#most) return other;
    this.#names.add(short);
    return short;
  }
}
