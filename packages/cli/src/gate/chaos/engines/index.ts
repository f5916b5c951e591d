import type { ChaosEngine } from "../../config/chaos-section.ts";
import { chaosbladeEngine } from "./chaosblade.ts";
import { embeddedEngine } from "./embedded.ts";
import type { Engine } from "./engine.ts";
import { nftEngine } from "./nft.ts";
import { signalEngine } from "./signal.ts";
import { tcEngine } from "./tc.ts";
import { toxiproxyEngine } from "./toxiproxy.ts";

export const engines: Readonly<Record<ChaosEngine, Engine>> = {
  embedded: embeddedEngine,
  toxiproxy: toxiproxyEngine,
  chaosblade: chaosbladeEngine,
  nft: nftEngine,
  tc: tcEngine,
  signal: signalEngine,
};
