import { ours } from "../ours.mjs";

export const row = {
  name: "try-acquire",
  title: "tryAcquire + release",
  unit: "ns/op",
  operations: 5_000_000,
  allocationOperations: 1_000_000,
  memory: true,
  what: `One caller on a semaphore of 10 permits, in a plain loop: take one without waiting, give it back. The mark is a
bare counter: an object whose method decrements a field if it is above zero and whose other method increments it.`,
  contenders: [
    {
      id: "snowshed tryAcquire",
      role: "ours",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(10);
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            if (!semaphore.tryAcquire()) throw new Error("a free semaphore refused");
            semaphore.release();
          }
        };
      },
    },
    {
      id: "bare counter",
      role: "floor",
      setup() {
        class Counter {
          free = 10;
          take() {
            if (this.free === 0) return false;
            this.free--;
            return true;
          }
          give() {
            this.free++;
          }
        }
        const counter = new Counter();
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            if (!counter.take()) throw new Error("a free counter refused");
            counter.give();
          }
        };
      },
    },
    {
      id: "async-sema tryAcquire",
      role: "peer",
      async setup() {
        const { Sema } = await import("async-sema");
        const semaphore = new Sema(10);
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            if (semaphore.tryAcquire() === undefined) throw new Error("a free semaphore refused");
            semaphore.release();
          }
        };
      },
    },
  ],
  targets: [
    { text: "at most 2× a bare counter", ours: "snowshed tryAcquire", marks: ["bare counter"], atMost: 2 },
    { text: "allocates nothing", ours: "snowshed tryAcquire", metric: "bytes", atMost: 0 },
  ],
};
