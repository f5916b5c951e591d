import type { Store, WorkloadConfig } from "../config/workload-section.ts";
import type { Preset } from "../config/presets/preset.ts";

/** Where the tree can end. */
export type Leaf = Extract<Store, "kafka" | "redis-cluster" | "etcd" | "redis-sentinel">;

export type Question = "throughput" | "ordering" | "consistency";

interface Branch {
  readonly yes: Question | Leaf;
  readonly no: Question | Leaf;
}

/** The article's tree, chapter 5, as data: three questions, four leaves. It is never changed by what else is known. */
export const tree: { readonly root: Question; readonly branches: Readonly<Record<Question, Branch>> } = {
  root: "throughput",
  branches: {
    throughput: { yes: "ordering", no: "consistency" },
    ordering: { yes: "kafka", no: "redis-cluster" },
    consistency: { yes: "etcd", no: "redis-sentinel" },
  },
};

/** Each store as people write it. */
export const storeNames: Readonly<Record<Store, string>> = {
  kafka: "Kafka",
  "redis-cluster": "Redis Cluster",
  etcd: "etcd",
  "redis-sentinel": "Redis Sentinel",
  postgres: "Postgres",
  nats: "NATS JetStream",
  rabbitmq: "RabbitMQ",
  "redis-streams": "Redis Streams",
};

/** What of a workload the tree asks for. */
export type Answers = Pick<WorkloadConfig, "writesPerSecond" | "ordering" | "consistency">;

type Ask = (workload: Answers, preset: Pick<Preset, "highWritesPerSecond">) => boolean;

const asks: Readonly<Record<Question, Ask>> = {
  throughput: ({ writesPerSecond }, { highWritesPerSecond }) => writesPerSecond > highWritesPerSecond,
  ordering: ({ ordering }) => ordering === "strict",
  consistency: ({ consistency }) => consistency === "linearizable",
};

/** A question as the report puts it. */
export function questionText(question: Question, { highWritesPerSecond }: Pick<Preset, "highWritesPerSecond">): string {
  switch (question) {
    case "throughput":
      return `more than ${highWritesPerSecond.toLocaleString("en-US")} writes per second?`;
    case "ordering":
      return "strict order required?";
    case "consistency":
      return "strong consistency across services required?";
  }
}

export interface Step {
  readonly question: Question;
  readonly answer: "yes" | "no";
}

export interface Advice {
  readonly leaf: Leaf;
  /** The questions on the way, with their answers. */
  readonly path: readonly Step[];
}

/** Walks the tree. */
export function adviseOn(workload: Answers, preset: Pick<Preset, "highWritesPerSecond">): Advice {
  const path: Step[] = [];
  let place: Question | Leaf = tree.root;
  while (isQuestion(place)) {
    const answer: Step["answer"] = asks[place](workload, preset) ? "yes" : "no";
    path.push({ question: place, answer });
    place = tree.branches[place][answer];
  }
  return { leaf: place, path };
}

export function isQuestion(place: Question | Leaf): place is Question {
  return Object.hasOwn(tree.branches, place);
}
