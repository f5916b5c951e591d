import { UsageError } from "../../usage-error.ts";
import { AllowList, ChaosRefusal } from "../chaos/targets.ts";
import type { CapacityDriver } from "../config/capacity-section.ts";
import { maskText } from "../mask.ts";

const protocols: Readonly<Record<CapacityDriver, readonly string[]>> = {
  "redis-benchmark": ["redis:", "rediss:"],
  memory: ["redis:", "rediss:"],
  autocannon: ["http:", "https:"],
  k6: ["http:", "https:"],
  "open-loop": ["http:", "https:", "redis:", "rediss:"],
};

/** The address of a target; `host:port` is a Redis for the drivers that know nothing else. */
export function parseTarget(text: string, driver: CapacityDriver): URL {
  const isBare = protocols[driver][0] === "redis:" && !text.includes("://");
  const given = isBare ? `redis://${text}` : text;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  // Not the text itself: it may hold a password.
  if (url === undefined || !protocols[driver].includes(url.protocol) || url.hostname === "") {
    const names = protocols[driver].map((each) => `${each}//`).join(" or ");
    throw new UsageError(`the target of ${driver} must begin with ${names} and name a host`);
  }
  return url;
}

/** Without user and password, for reports. */
export function maskedTarget(url: URL): string {
  return maskText(`${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`);
}

/** As with faults: this machine by its loopback addresses, or, with a list, what stands in it. */
export function isAllowed(url: URL, allowed: readonly string[] | undefined): boolean {
  try {
    new AllowList(allowed).endpoint({ host: hostOf(url).replace(/^localhost$/, "127.0.0.1"), port: portOf(url) });
    return true;
  } catch (error) {
    if (error instanceof ChaosRefusal) return false;
    throw error;
  }
}

/** Without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.replaceAll(/^\[|\]$/g, "");
}

export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  if (protocol.startsWith("redis")) return 6379;
  return protocol === "https:" ? 443 : 80;
}
