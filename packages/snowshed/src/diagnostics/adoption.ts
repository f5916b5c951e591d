import type { ResourceKind } from "../hooks.ts";

/** What can be told of a resource that was made before watching began: `held` as it is now. @internal */
export interface Adopted {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly capacity: number;
  readonly held: number;
}

/** By what only the ones of that kind have: a class may come from another copy of the package, or be minified. */
const marks: readonly (readonly [ResourceKind, readonly string[]])[] = [
  ["channel", ["tryReceive"]],
  ["group", ["go", "child"]],
  ["wait-group", ["go", "done"]],
  ["limiter", ["inflight", "limit"]],
  ["semaphore", ["permits"]],
  ["pool", ["max", "idle"]],
  ["file-handles", ["tryPermit", "limit"]],
  ["quota", ["tryPermit"]],
  ["map", ["fill", "stop"]],
];

/** @internal */
export function adopt(resource: object): Adopted {
  const look = (name: string): unknown => {
    try {
      return (resource as Readonly<Record<string, unknown>>)[name];
    } catch {
      return undefined;
    }
  };
  const number = (...names: readonly string[]): number | undefined => {
    for (const name of names) {
      const value = look(name);
      if (typeof value === "number") return value;
    }
    return undefined;
  };
  const [kind] = marks.find(([, names]) => names.every((name) => name in resource)) ?? ["semaphore" as const];
  const name = look("name");
  const capacity = number("permits", "capacity", "concurrency", "limit", "max") ?? Number.POSITIVE_INFINITY;
  const available = number("available");
  const held = number("held", "inflight") ?? (available === undefined ? 0 : Math.max(0, capacity - available));
  return { kind, name: typeof name === "string" ? name : "", capacity, held };
}
