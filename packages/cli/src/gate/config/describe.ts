import type { z } from "zod";
import { didYouMean, nearest } from "../nearest.ts";
import type { Problem } from "./config-error.ts";
import { nameOf } from "./place-name.ts";
import type { Positions } from "./positions.ts";

type Issue = z.core.$ZodIssue;

/** What of a JSON Schema is looked at. */
export interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | false;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
}

/** What the schema found, in the words of somebody who writes the file. */
export function describeIssues(issues: readonly Issue[], positions: Positions, schema: Shape): Problem[] {
  const described = issues.flatMap((issue) => describe(issue, [], positions, schema));
  const slips = new Set(described.map(({ suggested }) => suggested));
  return (
    described
      // A mistyped key is both unknown and missing: once is enough.
      .filter(({ problem: { kind, path } }) => kind !== "missing-key" || !slips.has(path.join(".")))
      .map(({ problem }) => problem)
      .toSorted((a, b) => a.line! - b.line! || a.column! - b.column!)
  );
}

interface Described {
  readonly problem: Problem;
  /** The place a mistyped key was probably meant to have. */
  readonly suggested?: string | undefined;
}

function describe(issue: Issue, above: readonly (string | number)[], positions: Positions, schema: Shape): Described[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  const place = nameOf(path);
  const problem = (kind: Problem["kind"], message: string): Described[] => [
    { problem: { kind, message: `${place} ${message}`, path, ...positions.of(path) } },
  ];
  const invalid = (message: string): Described[] => problem("invalid-value", message);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, positions, schema));
    case "invalid_type":
      if (!positions.has(path)) return problem("missing-key", "is missing");
      return invalid(`must be ${kinds[issue.expected] ?? issue.expected}`);
    case "invalid_value":
      return positions.has(path)
        ? invalid(oneOf(issue.values, issue.input))
        : problem("missing-key", `is missing: ${listed(issue.values)}`);
    case "invalid_key":
      return invalid(`is no name that can be used: it ${issue.issues[0]?.message ?? "is invalid"}`);
    case "invalid_union": {
      // The form it was meant to have is the one that got furthest.
      const form = issue.errors.find(([first]) => first !== undefined && first.path.length > 0);
      if (form !== undefined) return form.flatMap((each) => describe(each, path, positions, schema));
      const expected = issue.errors.flatMap(([first]) => (first?.code === "invalid_type" ? [first.expected] : []));
      return invalid(`must be ${[...new Set(expected)].map((each) => kinds[each] ?? each).join(" or ")}`);
    }
    case "too_small":
      return invalid(issue.message.startsWith("must") ? issue.message : tooSmall(issue));
    case "too_big":
      return invalid(`must be at most ${issue.maximum}`);
    default:
      return invalid(issue.message);
  }
}

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "an integer",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of keys to values",
  record: "a mapping of names to values",
};

function unknownKey(key: string, path: readonly (string | number)[], positions: Positions, schema: Shape): Described {
  const names = [...namesAt(schema, path)];
  const near = nearest(key, names);
  const where = path.length === 0 ? "" : ` in ${nameOf(path)}`;
  const merge = key === "<<" ? " (merge keys are not part of YAML 1.2)" : "";
  const instead = near === undefined && names.length > 0 ? `; there are: ${names.join(", ")}` : didYouMean(key, names);
  const message = `unknown key "${key}"${where}${merge}${instead}`;
  return {
    problem: { kind: "unknown-key", message, path: [...path, key], ...positions.ofKey(path, key) },
    suggested: near === undefined ? undefined : [...path, near].join("."),
  };
}

/** The keys that a mapping at `path` may have. */
function namesAt(schema: Shape, path: readonly (string | number)[]): Set<string> {
  let shapes: Shape[] = [schema];
  for (const step of path) {
    shapes = shapes.flatMap((shape) => forms(shape)).flatMap((shape) => inner(shape, step));
  }
  return new Set(shapes.flatMap((shape) => forms(shape)).flatMap(({ properties = {} }) => Object.keys(properties)));
}

function forms(shape: Shape): readonly Shape[] {
  return [shape, ...(shape.anyOf ?? [])];
}

function inner({ properties, additionalProperties, items }: Shape, step: string | number): Shape[] {
  const next =
    typeof step === "number"
      ? items
      : properties !== undefined && Object.hasOwn(properties, step)
        ? properties[step]
        : additionalProperties;
  return next === undefined || next === false ? [] : [next];
}

function oneOf(values: readonly unknown[], input: unknown): string {
  const texts = values.filter((value) => typeof value === "string");
  return `must be ${listed(values)}${typeof input === "string" ? didYouMean(input, texts) : ""}`;
}

function listed(values: readonly unknown[]): string {
  const names = values.map(String);
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function tooSmall({ minimum, origin, inclusive }: z.core.$ZodIssueTooSmall): string {
  if (origin === "string") return "must not be empty";
  if (origin === "array") return `must have at least ${minimum} ${Number(minimum) === 1 ? "entry" : "entries"}`;
  return inclusive === false ? `must be more than ${minimum}` : `must be at least ${minimum}`;
}
