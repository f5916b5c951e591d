import { poolRow } from "../pools.mjs";
import { contend } from "./contended.mjs";

const loop = (call) =>
  contend(async (share) => {
    for (let index = 0; index < share; index++) await call();
  });

export const row = poolRow("pool-contended", "8 callers, a pool of 3", "8 async workers over 3 resources.", loop);
