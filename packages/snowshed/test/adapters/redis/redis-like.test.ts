// The types of the clients that the package names as its optional peers: what they make can be given as it is.
import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";
import type { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import type { Cluster as ValkeyCluster, Redis as Valkey } from "iovalkey";
import type { createClient, createCluster, createSentinel } from "redis";
import type {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from "redis5";
import type { RedisLike } from "snowshed/redis";
import { expect, expectTypeOf, test } from "vitest";

interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, object>>;
}

test("every client of the peers is a RedisLike", () => {
  expectTypeOf<Redis | Cluster>().toExtend<RedisLike>();
  expectTypeOf<Redis5 | Cluster5>().toExtend<RedisLike>();
  expectTypeOf<Valkey | ValkeyCluster>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createClient5>>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createSentinel5>>().toExtend<RedisLike>();
  expectTypeOf<ReturnType<typeof createCluster5>>().toExtend<RedisLike>();
});

test("what is no client is none", () => {
  expectTypeOf<ReturnType<Redis["pipeline"]>>().not.toExtend<RedisLike>();
  expectTypeOf<{ readonly get: (key: string) => Promise<string> }>().not.toExtend<RedisLike>();
});

test("the versions that are tested are in the ranges of the peers, and each is optional", () => {
  const file = new URL("../../../package.json", import.meta.url);
  const { peerDependencies, peerDependenciesMeta, devDependencies } = JSON.parse(
    readFileSync(file, "utf8"),
  ) as Manifest;
  expect([devDependencies["ioredis"], devDependencies["ioredis5"]]).toEqual(["6.0.0", "npm:ioredis@5.11.1"]);
  expect([devDependencies["redis"], devDependencies["redis5"]]).toEqual(["6.3.1", "npm:redis@5.12.1"]);
  expect(devDependencies["iovalkey"]).toBe("0.4.0");
  expect(peerDependencies).toMatchObject({
    // Sharded channels came with 5.3.
    ioredis: "^5.3.0 || ^6.0.0",
    iovalkey: ">=0.1.0 <0.5.0",
    redis: "^5.0.0 || ^6.0.0",
  });
  const optional = { optional: true };
  expect(peerDependenciesMeta).toMatchObject({ ioredis: optional, iovalkey: optional, redis: optional });
});
