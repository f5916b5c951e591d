/** What one rule must and must not report. The code of each stands after the imports of {@link withImports}. */
export interface Fixtures {
  readonly rule: string;
  readonly valid: readonly (string | Fixture)[];
  readonly invalid: readonly InvalidFixture[];
}

interface Fixture {
  readonly code: string;
  /** Only a parser for TypeScript reads it. */
  readonly isTypeScript?: true;
}

export interface InvalidFixture extends Fixture {
  /** By message: what the code is after the only suggestion, `null` when there is none. */
  readonly errors: readonly (readonly [messageId: string, suggestion: string | null])[];
}

const imports = [
  `import { batch, Channel, CircuitBreaker, Context, forEachConcurrent, Group, hedge, Limiter, mapConcurrent, pipeline, retry, ReentrantSemaphore, select, Semaphore, timeout, WaitGroup } from "snowshed";`,
  `import { FileHandles, guardPool, KeyedQuota, Pool, Quota } from "snowshed/throttle";`,
  `import { RedisQuota, RedisSemaphore } from "snowshed/redis";`,
  `import { EtcdSemaphore } from "snowshed/etcd";`,
].join(" ");

/** On a line of their own, unless the code brings its own. */
export function withImports(code: string): string {
  return /^\s*(?:import |const \{? ?\w+ ?\}? = (?:require|await import)\()/.test(code) ? code : `${imports}\n${code}`;
}

export function fixture(each: string | Fixture): Fixture {
  return typeof each === "string" ? { code: each } : each;
}
