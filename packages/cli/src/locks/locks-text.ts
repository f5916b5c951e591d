import { createColors } from "picocolors";
import type { LeaseHolder, LeaseInspection, LeaseWaiter } from "snowshed/redis";

// oxlint-disable-next-line no-control-regex -- what others wrote to the server must not steer the terminal
const controlCharacters = /[\u0000-\u001F\u007F-\u009F]/g;

/** A time as people say it: the two largest units. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A holder in the columns of the table. */
function holderCells(holder: LeaseHolder, now: number): string[] {
  const fences = holder.fences.map(({ slot, token }) => `${slot}:${token}`);
  const shown = fences.length > 3 ? [...fences.slice(0, 3), "…"] : fences;
  const { owner, id, weight, since, expiresIn } = holder;
  return ["holds", owner, id, String(weight), span(now - since), span(expiresIn), shown.join(" ")];
}

function waiterCells({ owner, id, weight, since }: LeaseWaiter, now: number): string[] {
  return ["waits", owner, id, String(weight), span(now - since), "", ""];
}

/** One semaphore, as a table for people. */
export function lockText(name: string, state: LeaseInspection, now: number, isColored: boolean): string {
  const colors = createColors(isColored);
  const { permits, held, queued, holders, waiters } = state;
  const full = held >= permits ? colors.yellow : colors.green;
  const title = `${colors.bold(clean(name))}  ${full(`${held} of ${permits} held`)}, ${queued} waiting`;
  if (holders.length + waiters.length === 0) return title;
  const head = ["", "owner", "id", "weight", "since", "lease left", "fence (slot:token)"];
  const rows = [
    head,
    ...holders.map((holder) => holderCells(holder, now)),
    ...waiters.map((waiter) => waiterCells(waiter, now)),
  ].map((cells) => cells.map(clean));
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells, row) => {
    const line = `  ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")}`.trimEnd();
    return row === 0 ? colors.dim(line) : line;
  });
  const hidden = queued - waiters.length;
  if (hidden > 0) lines.push(colors.dim(`  … and ${hidden} more waiting`));
  return [title, ...lines].join("\n");
}

function clean(text: string): string {
  return text.replaceAll(controlCharacters, "?");
}
