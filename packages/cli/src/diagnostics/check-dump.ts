import type { Check } from "./check.ts";
import { amount, date, fields, finite, integer, list, nullable, oneOf, optional, text, truth } from "./check.ts";
import type { Dump, Hello, Profile, WatchFrame } from "./dump-types.ts";

// The form that packages/snowshed/schema/dump-1.schema.json describes, with errors that name the field.

const totals = fields({
  tasksLive: amount,
  tasksStarted: amount,
  tasksEnded: fields({ fulfilled: amount, rejected: amount, skipped: amount }),
  leaked: amount,
  deadlocks: amount,
});

const wait = fields({
  resource: integer,
  kind: text,
  name: text,
  weight: amount,
  age: amount,
  deadline: nullable(finite),
  heldBy: list(integer),
});

const task = fields({
  id: integer,
  name: text,
  scope: integer,
  parent: nullable(integer),
  state: oneOf("queued", "running", "waiting", "sleeping", "canceling", "leaked"),
  wait: nullable(wait),
  held: list(fields({ resource: integer, weight: amount })),
  age: amount,
  site: nullable(text),
});

const resource = fields({
  id: integer,
  kind: text,
  name: text,
  capacity: nullable(amount),
  held: amount,
  pending: amount,
  holders: list(fields({ task: nullable(integer), weight: amount })),
  live: amount,
});

const warning = fields({
  code: text,
  message: text,
  site: nullable(text),
  task: nullable(integer),
  resource: nullable(integer),
  count: amount,
  first: date,
  last: date,
});

const deadlock = fields({
  certainty: oneOf("certain", "suspected"),
  tasks: list(integer),
  resources: list(integer),
});

const process = { pid: integer, node: text, program: text, since: date, preset: text, totals };

const dump = fields({
  schema: oneOf("snowshed.dump/1"),
  ...process,
  time: date,
  truncated: truth,
  tasks: list(task),
  resources: list(resource),
  warnings: list(warning),
  deadlocks: list(deadlock),
  stack: optional(list(text)),
});

const hello = fields({ ...process, uptime: amount });

const profile = fields({
  kind: oneOf("task", "blocked", "leak"),
  total: amount,
  groups: list(
    fields({
      count: amount,
      name: text,
      state: text,
      wait: nullable(fields({ kind: text, name: text })),
      site: nullable(text),
      oldest: amount,
    }),
  ),
});

const frame = fields({
  time: date,
  totals,
  profile,
  resources: list(resource),
  warnings: list(warning),
  deadlocks: list(deadlock),
  lag: amount,
  memory: amount,
  pace: amount,
  dropped: amount,
});

/** Throws `FormError` unless the value has the form of a dump. */
export const checkDump: (value: unknown) => Dump = checked(dump);
export const checkHello: (value: unknown) => Hello = checked(hello);
export const checkProfile: (value: unknown) => Profile = checked(profile);
export const checkFrame: (value: unknown) => WatchFrame = checked(frame);

function checked<T>(check: Check): (value: unknown) => T {
  return (value) => {
    check(value, "");
    return value as T;
  };
}
