import type { Alert } from "../../alerts/alert.ts";
import { etcdWalFsyncCritical } from "./etcd/wal-fsync-critical.ts";
import { etcdWalFsyncSlow } from "./etcd/wal-fsync-slow.ts";
import { etcdBackendCommitCritical } from "./etcd/backend-commit-critical.ts";
import { etcdBackendCommitSlow } from "./etcd/backend-commit-slow.ts";
import { etcdPeerRoundTripSlow } from "./etcd/peer-round-trip-slow.ts";
import { etcdArticleBackendCommit } from "./etcd/article-backend-commit.ts";
import { etcdDatabaseQuota } from "./etcd/database-quota.ts";
import { etcdNoLeader } from "./etcd/no-leader.ts";
import { etcdLeaderChanges } from "./etcd/leader-changes.ts";
import { etcdWalFsyncAbsent } from "./etcd/wal-fsync-absent.ts";
import { etcdBackendCommitAbsent } from "./etcd/backend-commit-absent.ts";
import { redisArticleMemory } from "./redis/article-memory.ts";
import { redisMemoryHigh } from "./redis/memory-high.ts";
import { redisClientsHigh } from "./redis/clients-high.ts";
import { redisDown } from "./redis/down.ts";
import { redisMaxmemoryUnset } from "./redis/maxmemory-unset.ts";
import { redisReplicaLinkDown } from "./redis/replica-link-down.ts";
import { redisEvictions } from "./redis/evictions.ts";
import { redisRejectedConnections } from "./redis/rejected-connections.ts";
import { redisMemoryAbsent } from "./redis/memory-absent.ts";
import { redisMaxmemoryAbsent } from "./redis/maxmemory-absent.ts";
import { kafkaUnderReplicated } from "./kafka/under-replicated.ts";
import { kafkaInSyncReplicasLow } from "./kafka/in-sync-replicas-low.ts";
import { kafkaBrokersMissing } from "./kafka/brokers-missing.ts";
import { kafkaConsumerLag } from "./kafka/consumer-lag.ts";
import { kafkaConsumerStuck } from "./kafka/consumer-stuck.ts";
import { kafkaLagAbsent } from "./kafka/lag-absent.ts";
import { snowshedBreakerOpen } from "./snowshed/breaker-open.ts";
import { snowshedDeadlocks } from "./snowshed/deadlocks.ts";
import { snowshedShedding } from "./snowshed/shedding.ts";
import { snowshedLeakedTasks } from "./snowshed/leaked-tasks.ts";
import { snowshedPoolLeaks } from "./snowshed/pool-leaks.ts";
import { snowshedLeasesLost } from "./snowshed/leases-lost.ts";
import { snowshedDescriptorsExhausted } from "./snowshed/descriptors-exhausted.ts";
import { snowshedMetricsErrors } from "./snowshed/metrics-errors.ts";
import { snowshedResourceFull } from "./snowshed/resource-full.ts";
import { snowshedWaitSlow } from "./snowshed/wait-slow.ts";
import { snowshedMetricsAbsent } from "./snowshed/metrics-absent.ts";
import { linuxDescriptorsHigh } from "./linux/descriptors-high.ts";
import { linuxProcessDescriptorsHigh } from "./linux/process-descriptors-high.ts";
import { linuxListenOverflows } from "./linux/listen-overflows.ts";
import { linuxListenDrops } from "./linux/listen-drops.ts";
import { linuxTimeWaitShare } from "./linux/time-wait-share.ts";
import { linuxSwapping } from "./linux/swapping.ts";
import { linuxSocketsAbsent } from "./linux/sockets-absent.ts";

/** Every alert rule there is: those of one exporter together, in the order in which they are written out. */
export const alerts: readonly Alert[] = [
  etcdWalFsyncCritical,
  etcdWalFsyncSlow,
  etcdBackendCommitCritical,
  etcdBackendCommitSlow,
  etcdPeerRoundTripSlow,
  etcdArticleBackendCommit,
  etcdDatabaseQuota,
  etcdNoLeader,
  etcdLeaderChanges,
  etcdWalFsyncAbsent,
  etcdBackendCommitAbsent,
  redisArticleMemory,
  redisMemoryHigh,
  redisClientsHigh,
  redisDown,
  redisMaxmemoryUnset,
  redisReplicaLinkDown,
  redisEvictions,
  redisRejectedConnections,
  redisMemoryAbsent,
  redisMaxmemoryAbsent,
  kafkaUnderReplicated,
  kafkaInSyncReplicasLow,
  kafkaBrokersMissing,
  kafkaConsumerLag,
  kafkaConsumerStuck,
  kafkaLagAbsent,
  snowshedBreakerOpen,
  snowshedDeadlocks,
  snowshedShedding,
  snowshedLeakedTasks,
  snowshedPoolLeaks,
  snowshedLeasesLost,
  snowshedDescriptorsExhausted,
  snowshedMetricsErrors,
  snowshedResourceFull,
  snowshedWaitSlow,
  snowshedMetricsAbsent,
  linuxDescriptorsHigh,
  linuxProcessDescriptorsHigh,
  linuxListenOverflows,
  linuxListenDrops,
  linuxTimeWaitShare,
  linuxSwapping,
  linuxSocketsAbsent,
];
