import type { Driver, DriverOptions } from "./driver.ts";

/** Loaded when it is used: the clients are large. */
export async function makeDriver(options: DriverOptions): Promise<Driver> {
  switch (options.driver) {
    case "redis-benchmark": {
      const { redisBenchmark } = await import("./redis-benchmark.ts");
      return redisBenchmark(options);
    }
    case "autocannon": {
      const { autocannon } = await import("./autocannon.ts");
      return autocannon(options);
    }
    case "k6": {
      const { k6 } = await import("./k6.ts");
      return k6(options);
    }
    case "open-loop": {
      const { openLoop } = await import("./open-loop.ts");
      return openLoop(options);
    }
    case "memory": {
      const { MemoryDriver } = await import("./memory.ts");
      return new MemoryDriver(options);
    }
  }
}
