// Pools beside each other, for the rows that measure them.
import { EventEmitter } from "node:events";

import { oursOf } from "./ours.mjs";

const resources = 3;
const body = async () => {
  await null;
};

const create = async () => ({});
const destroy = async () => {};

/** What pg's pool takes for a connection: as little as it can be. */
class Connection extends EventEmitter {
  connect(done) {
    setImmediate(() => done());
  }
  end(done) {
    this.emit("end");
    done?.();
  }
}

/** Each pool by its name: how it lends a resource and takes it back, and how it runs a task with one. */
const pools = {
  async snowshed() {
    const { Pool } = await oursOf("throttle", "Pool");
    const pool = new Pool({ create, destroy, max: resources });
    return {
      async lend() {
        const permit = await pool.permit();
        await null;
        permit.release();
      },
      run: () => pool.run(body),
    };
  },
  async "generic-pool"() {
    const { createPool } = await import("generic-pool").then((module) => module.default ?? module);
    const pool = createPool({ create, destroy }, { max: resources });
    return {
      async lend() {
        const resource = await pool.acquire();
        await null;
        await pool.release(resource);
      },
      run: () => pool.use(body),
    };
  },
  async tarn() {
    const { Pool } = await import("tarn");
    const pool = new Pool({ create, destroy, min: 0, max: resources });
    return {
      async lend() {
        const resource = await pool.acquire().promise;
        await null;
        pool.release(resource);
      },
    };
  },
  async "pg.Pool"() {
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ Client: Connection, max: resources });
    return {
      async lend() {
        const client = await pool.connect();
        await null;
        client.release();
      },
    };
  },
};

const contender = (name, how, loop) => ({
  id: how === "run" ? `${name} run` : name,
  role: name === "snowshed" ? "ours" : "peer",
  setup: async () => loop((await pools[name]())[how]),
});

/** A row of all pools; `loop` makes many calls of one. */
export function poolRow(name, title, what, loop) {
  const ids = ["generic-pool", "tarn", "pg.Pool"];
  return {
    name,
    title,
    unit: "ns/op",
    operations: 50_000,
    memory: true,
    what: `${what} The resources are empty objects, made and destroyed at once, so that the pool is all that is measured; pg.Pool gets
an event emitter for a connection. One is lent, held for one \`await\`, and given back; \`run\` (\`use\` of generic-pool) lends it to an
async function.`,
    contenders: [
      ...["snowshed", ...ids].map((id) => contender(id, "lend", loop)),
      contender("snowshed", "run", loop),
      contender("generic-pool", "run", loop),
    ],
    targets: [
      ...ids.map((id) => ({ text: `faster than ${id}`, ours: "snowshed", marks: [id], atMost: 1 })),
      { text: "run(): faster than each", ours: "snowshed run", marks: ["generic-pool run", ...ids], atMost: 1 },
    ],
  };
}
