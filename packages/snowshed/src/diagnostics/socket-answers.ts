import process from "node:process";
import { activeMonitor } from "./active.ts";
import { closeInspectorSoon } from "./inspector-door.ts";
import { profile } from "./profile.ts";
import type { SnapshotPages } from "./snapshot-pages.ts";
import type { Snapshot } from "./snapshot-types.ts";
import { snapshot } from "./snapshot.ts";
import type { Request } from "./socket-request.ts";
import { RequestError } from "./socket-request.ts";

/** A profile lists at most this many groups, those of the most tasks. */
const mostGroups = 1000;

/** The answer to a request of a client, as JSON; throws what is to be said instead. @internal */
export function answerOf(request: Exclude<Request, { request: "watch" }>, pages: SnapshotPages): string {
  if (request.request === "close-inspector") {
    closeInspectorSoon();
    return "true";
  }
  if (activeMonitor() === null) {
    throw new RequestError("NOT_WATCHING", "nothing is watched: the process has not called enable()");
  }
  switch (request.request) {
    case "hello":
      return JSON.stringify(hello(snapshot({ limit: 0 })));
    case "snapshot":
      if (request.cursor !== undefined) return pages.following(request.cursor);
      return pages.first(snapshot({ limit: request.limit }));
    case "deadlocks":
      return pages.first(stuckOf(snapshot({ limit: 10_000 })));
    case "profile": {
      const { groups, ...rest } = profile(request.kind);
      return JSON.stringify({ ...rest, groups: groups.slice(0, mostGroups) });
    }
  }
}

function hello({ pid, node, program, since, preset, totals }: Snapshot): object {
  return { pid, node, program, since, preset, totals, uptime: Math.round(process.uptime() * 1000) };
}

/** Of a snapshot what is stuck: the tasks in deadlocks, the leaked ones, and what they wait for or hold. */
function stuckOf(whole: Snapshot): Snapshot {
  const inDeadlock = new Set(whole.deadlocks.flatMap(({ tasks }) => tasks));
  const tasks = whole.tasks.filter(({ id, state }) => state === "leaked" || inDeadlock.has(id));
  const touched = new Set(whole.deadlocks.flatMap(({ resources }) => resources));
  for (const { wait, held, scope } of tasks) {
    touched.add(scope);
    if (wait !== null) touched.add(wait.resource);
    for (const { resource } of held) touched.add(resource);
  }
  const resources = whole.resources.filter(({ id }) => touched.has(id));
  const truncated = whole.truncated || tasks.length < whole.tasks.length;
  return { ...whole, tasks, resources, truncated };
}
