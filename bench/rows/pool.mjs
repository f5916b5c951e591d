import { poolRow } from "../pools.mjs";

const loop = (call) => async (operations) => {
  for (let index = 0; index < operations; index++) await call();
};

export const row = poolRow("pool", "a pool in which one is idle", "One caller in a loop, 3 resources.", loop);
