import path from "node:path";
import { ConfigError } from "../../config/config-error.ts";
import type { ConfigSource } from "../../config/load.ts";
import type { Fact } from "../../facts.ts";
import type { StageNote } from "../../run.ts";
import { faultSubject } from "../fault-subject.ts";
import { shownValue } from "../../mask.ts";
import { serverFact, unreadFact } from "../servers.ts";
import type { Origin } from "./container.ts";
import { readRedisConf } from "./redis-conf.ts";
import type { Fault } from "./setting.ts";
import { isBinary } from "./setting.ts";

/** Redis itself has no bound: a file that includes itself would be read for ever. */
const deepest = 8;
const most = 64;

/** Whether it is a file of Redis Sentinel, which has no data. */
export function isSentinel(text: string): boolean {
  return /^[ \t]*sentinel\s/im.test(text);
}

/** redis.conf with the files it includes, in the order in which Redis reads them. */
export class RedisFiles {
  readonly #source: ConfigSource;
  #facts: Fact[] = [];
  #notes: StageNote[] = [];
  #read = 0;
  #server = "";

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  async read(text: string, name: string, origin: Origin, notes: StageNote[]): Promise<readonly Fact[]> {
    this.#facts = [];
    this.#notes = notes;
    this.#read = 0;
    this.#server = origin.file;
    this.#add(serverFact, this.#server, { line: 1, column: 1 }, origin);
    await this.#include(text, name, origin, [origin.file]);
    return isSentinel(text)
      ? this.#facts.map((fact) => (fact.subject === "redis" ? { ...fact, subject: "sentinel" } : fact))
      : this.#facts;
  }

  #add(name: string, value: string, { line, column }: Omit<Fault, "message">, origin: Origin): void {
    this.#facts.push({
      subject: "redis",
      name,
      value: shownValue(name, value),
      server: this.#server,
      ...origin,
      line,
      column,
    });
  }

  #fault({ message, line, column }: Fault, origin: Origin): void {
    this.#facts.push({ subject: faultSubject, name: "redis", value: message, ...origin, line, column });
  }

  async #include(text: string, name: string, origin: Origin, above: readonly string[]): Promise<void> {
    const { settings, faults } = readRedisConf(text);
    for (const fault of faults) this.#fault(fault, origin);
    for (const { name: setting, value, line, column } of settings) {
      if (setting === "include") await this.#follow(value, name, { line, column }, origin, above);
      else this.#add(setting, value, { line, column }, origin);
    }
  }

  async #follow(
    value: string,
    from: string,
    place: Omit<Fault, "message">,
    origin: Origin,
    above: readonly string[],
  ): Promise<void> {
    const wanted = path.isAbsolute(value) ? value : path.join(path.dirname(from), value);
    if (/[*?[]/.test(value)) return this.#skip(value, "patterns are not followed", place, origin);
    let text: string;
    let file: string;
    try {
      file = this.#source.display(await this.#source.resolve(wanted, origin.path));
      if (above.includes(file))
        return this.#fault({ message: `the file includes itself: ${[...above, file].join(" → ")}`, ...place }, origin);
      if (above.length > deepest || ++this.#read > most) {
        return this.#fault(
          { message: `more than ${deepest} includes in each other, or ${most} in all`, ...place },
          origin,
        );
      }
      text = await this.#source.read(wanted, origin.path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return this.#skip(value, error.problems[0]?.message ?? error.message, place, origin);
    }
    const inner = { file, path: origin.path };
    if (isBinary(text)) return this.#fault({ message: "it is no text", line: 1, column: 1 }, inner);
    return this.#include(text, wanted, inner, [...above, file]);
  }

  /** What is set there is not known: defaults are not assumed, and the report says so. */
  #skip(value: string, reason: string, place: Omit<Fault, "message">, origin: Origin): void {
    this.#add(unreadFact, value, place, origin);
    const message = `${origin.file}:${place.line}: the included ${value} was not read: ${reason}`;
    this.#notes.push({ kind: "skipped", rule: null, message });
  }
}
