import { article } from "./article.ts";
import type { Preset } from "./preset.ts";

/** The article's numbers where they hold, corrected where the documentation of the servers or measurements say otherwise. */
export const recommended: Preset = {
  ...article,
  name: "recommended",
  kernel: {
    // 4096 is the kernel's own default since 5.4; below 1024 a burst of connects is refused.
    any: { "net.core.somaxconn": ">=1024" },
    // tcp_tw_reuse: the kernel's documentation advises against a change; pooling is the cure for TIME_WAIT.
    redis: { "vm.overcommit_memory": "=1" },
    kafka: { "vm.swappiness": "<=1", "vm.max_map_count": ">=262144" },
    // At least: the default of a large machine is higher already.
    etcd: { "fs.file-max": ">=2097152" },
  },
  // The thresholds of the alert rules that come with etcd.
  alerts: { ...article.alerts, etcdBackendCommitWarningSeconds: 0.25, etcdWalFsyncWarningSeconds: 0.5 },
};
