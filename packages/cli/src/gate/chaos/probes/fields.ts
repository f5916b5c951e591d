import { ChaosRefusal } from "../targets.ts";
import { isBound } from "./probe.ts";

/** Reads the fields of a probe or a fault: each is checked when it is asked for, and `end` finds the ones nobody asked for. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #what: string;
  readonly #asked = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>, what: string, known: readonly string[] = []) {
    this.#values = values;
    this.#what = what;
    for (const key of known) this.#asked.add(key);
  }

  text(key: string): string {
    return this.optionalText(key) ?? this.#refuse(key, "is missing");
  }

  optionalText(key: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    return this.#refuse(key, "must be a text");
  }

  number(key: string, otherwise: number): number {
    const value = this.#take(key) ?? otherwise;
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
    return this.#refuse(key, "must be a number of at least 0");
  }

  flag(key: string): boolean {
    const value = this.#take(key) ?? false;
    return typeof value === "boolean" ? value : this.#refuse(key, "must be true or false");
  }

  texts(key: string): readonly string[] | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const list: unknown = typeof value === "string" ? [value] : value;
    const isList =
      Array.isArray(list) && list.length > 0 && list.every((each) => typeof each === "string" && each !== "");
    return isList ? (list as string[]) : this.#refuse(key, "must be a list of texts");
  }

  /** @throws ChaosRefusal when there is a field that nobody asked for: a slip of the pen must not weaken a gate. */
  end(): void {
    for (const key of Object.keys(this.#values)) {
      if (!this.#asked.has(key)) this.#refuse(key, `is no field of it; known: ${[...this.#asked].join(", ")}`);
    }
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return this.#values[key];
  }

  #refuse(key: string, why: string): never {
    throw new ChaosRefusal(`${this.#what}: ${key} ${why}`);
  }
}

/** Those of a probe: bounds are read elsewhere. */
export function probeFields(config: Readonly<Record<string, unknown>>): Fields {
  const known = ["probe", "tolerance", "name", ...Object.keys(config).filter(isBound)];
  return new Fields(config, `probe ${String(config["probe"])}`, known);
}
