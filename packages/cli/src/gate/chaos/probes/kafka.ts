import { setTimeout as sleep } from "node:timers/promises";
import { loadKafkajs } from "../../load-kafkajs.ts";
import { ChaosRefusal } from "../targets.ts";
import { probeFields } from "./fields.ts";
import type { Confirmed, LogEnds, PartitionProgress } from "./partition-progress.ts";
import { progressOf } from "./partition-progress.ts";
import type { Probe, ProbeContext, ProbeFactory, Sample } from "./probe.ts";
import { timed } from "./probe.ts";

/** What is needed of the admin client of kafkajs. */
interface Admin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  fetchOffsets(options: { groupId: string; topics: string[] }): Promise<readonly TopicOffsets[]>;
  fetchTopicOffsets(topic: string): Promise<readonly LogEnds[]>;
  describeGroups(
    groups: string[],
  ): Promise<{ readonly groups: readonly { readonly state: string; readonly members: readonly unknown[] }[] }>;
}

interface TopicOffsets {
  readonly partitions: readonly Confirmed[];
}

interface Client {
  admin(options: object): Admin;
}

interface Group {
  readonly group: string;
  readonly topic: string;
  readonly overMs: number;
  readonly timeoutMs: number;
  readonly connected: (signal: AbortSignal) => Promise<Admin>;
  readonly close: () => Promise<void>;
}

function groupOf(config: Readonly<Record<string, unknown>>, { folder }: ProbeContext, needsTopic: boolean): Group {
  const fields = probeFields(config);
  const brokers = fields.texts("brokers");
  const group = fields.text("group");
  const topic = needsTopic ? fields.text("topic") : (fields.optionalText("topic") ?? "");
  // The clients of Kafka commit every five seconds unless they are told otherwise.
  const overMs = fields.number("overMs", 5000);
  const timeoutMs = fields.number("timeoutMs", 30_000);
  fields.end();
  if (brokers === undefined) throw new ChaosRefusal(`probe ${String(config["probe"])}: brokers is missing`);
  let admin: Admin | null = null;
  const close = async (): Promise<void> => {
    const last = admin;
    admin = null;
    await last?.disconnect().catch(() => {});
  };
  const connected = async (): Promise<Admin> => {
    if (admin !== null) return admin;
    const kafkajs = await loadKafkajs<Client>(folder);
    if (kafkajs === null) throw new Error("kafkajs is not installed: npm install kafkajs");
    const kafka = new kafkajs.Kafka({
      brokers,
      clientId: "snowshed-gate",
      logLevel: kafkajs.logLevel.NOTHING,
      connectionTimeout: Math.min(timeoutMs, 10_000),
      requestTimeout: timeoutMs,
    });
    const made = kafka.admin({ retry: { retries: 3, initialRetryTime: 200, maxRetryTime: 1000 } });
    await made.connect();
    admin = made;
    return made;
  };
  return { group, topic, overMs, timeoutMs, connected, close };
}

/** Up to where the group has confirmed, for each partition. */
async function confirmed(admin: Admin, { group, topic }: Group): Promise<readonly Confirmed[]> {
  const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  return found?.partitions ?? [];
}

function sum(offsets: readonly string[]): number {
  return offsets.reduce((total, offset) => total + Math.max(0, Number(offset)), 0);
}

function probeOf(
  kind: string,
  group: Group,
  sample: (admin: Admin, signal: AbortSignal) => Promise<readonly [number, string]>,
): Probe {
  return {
    name: `${kind} ${group.group}`,
    sample: async (signal): Promise<Sample> => {
      let value: number | null = null;
      const result = await timed(group.timeoutMs + group.overMs, signal, async (both) => {
        const [number, text] = await sample(await group.connected(both), both);
        value = number;
        return text;
      });
      // A connection that broke is of no use any more.
      if (!result.ok) await group.close();
      return result.ok ? { ...result, value } : result;
    },
    close: group.close,
  };
}

/**
 * `consumer-progress`: messages that the group confirms per second, over `overMs`. The value is that rate; 0 fails, and so
 * does a partition that has a lag and stands.
 */
export const progressProbe: ProbeFactory = (config, context) => {
  const group = groupOf(config, context, true);
  return probeOf("consumer-progress", group, async (admin, signal) => {
    const [before, ends] = await Promise.all([confirmed(admin, group), admin.fetchTopicOffsets(group.topic)]);
    const start = performance.now();
    await sleep(group.overMs, undefined, { signal });
    const { count, stuck } = progressOf({ before, after: await confirmed(admin, group), ends });
    const perSecond = (count * 1000) / (performance.now() - start);
    if (count <= 0) {
      throw new Error(`nothing was confirmed in ${group.overMs} ms, at ${sum(before.map(({ offset }) => offset))}`);
    }
    if (stuck.length > 0) throw new Error(`${stuckText(stuck)}: nothing of it was confirmed in ${group.overMs} ms`);
    return [perSecond, `${count} confirmed (${perSecond.toFixed(1)} per second)`];
  });
};

/** The first of them, and how many more there are. */
function stuckText(stuck: PartitionProgress["stuck"]): string {
  const [{ partition, at, lag }] = stuck as readonly [PartitionProgress["stuck"][number]];
  const more = stuck.length === 1 ? "" : ` (and ${stuck.length - 1} more)`;
  return `partition ${partition} stands at ${at} with a lag of ${lag}${more}`;
}

/** `lag-decreasing`: what the group has not confirmed yet is less than `overMs` before, or nothing. The value is the lag. */
export const lagProbe: ProbeFactory = (config, context) => {
  const group = groupOf(config, context, true);
  const lagOf = async (admin: Admin): Promise<number> => {
    const done = sum((await confirmed(admin, group)).map(({ offset }) => offset));
    return sum((await admin.fetchTopicOffsets(group.topic)).map(({ high }) => high)) - done;
  };
  return probeOf("lag-decreasing", group, async (admin, signal) => {
    const before = await lagOf(admin);
    await sleep(group.overMs, undefined, { signal });
    const after = await lagOf(admin);
    if (after >= before && after > 0) throw new Error(`the lag went from ${before} to ${after}`);
    return [after, `the lag went from ${before} to ${after}`];
  });
};

/** `group-stable`: the group is not rebalancing, and has members. The value is their number. */
export const stableProbe: ProbeFactory = (config, context) => {
  const group = groupOf(config, context, false);
  return probeOf("group-stable", { ...group, overMs: 0 }, async (admin) => {
    const { groups } = await admin.describeGroups([group.group]);
    const { state = "unknown", members = [] } = groups[0] ?? {};
    if (state !== "Stable" || members.length === 0)
      throw new Error(`the group is ${state}, with ${members.length} members`);
    return [members.length, `the group is stable, with ${members.length} members`];
  });
};
