import type { Rule } from "../../rule.ts";
import { rule as backlogAboveSomaxconn } from "./backlog-above-somaxconn.ts";
import { rule as claimWithoutExpiry } from "./claim-without-expiry.ts";
import { rule as clientCommandTimeout } from "./client-command-timeout.ts";
import { rule as clientOfflineQueue } from "./client-offline-queue.ts";
import { rule as contradictorySettings } from "./contradictory-settings.ts";
import { rule as dedupMissing } from "./dedup-missing.ts";
import { rule as dedupTimestampSource } from "./dedup-timestamp-source.ts";
import { rule as dedupUnique } from "./dedup-unique.ts";
import { rule as etcdClusterSize } from "./etcd-cluster-size.ts";
import { rule as etcdCompaction } from "./etcd-compaction.ts";
import { rule as etcdDiskLatency } from "./etcd-disk-latency.ts";
import { rule as etcdElectionTimeout } from "./etcd-election-timeout.ts";
import { rule as etcdHasLeader } from "./etcd-has-leader.ts";
import { rule as etcdHeartbeatRtt } from "./etcd-heartbeat-rtt.ts";
import { rule as etcdOneChannel } from "./etcd-one-channel.ts";
import { rule as etcdQuota } from "./etcd-quota.ts";
import { rule as etcdSameTiming } from "./etcd-same-timing.ts";
import { rule as etcdSpaceUsed } from "./etcd-space-used.ts";
import { rule as etcdValueSize } from "./etcd-value-size.ts";
import { rule as fileHandlesUsed } from "./file-handles-used.ts";
import { rule as fileMax } from "./file-max.ts";
import { rule as kafkaAutoCreateTopics } from "./kafka-auto-create-topics.ts";
import { rule as kafkaIdempotence } from "./kafka-idempotence.ts";
import { rule as kafkaInsyncAboveReplication } from "./kafka-insync-above-replication.ts";
import { rule as kafkaInternalReplication } from "./kafka-internal-replication.ts";
import { rule as kafkaMinInsyncReplicas } from "./kafka-min-insync-replicas.ts";
import { rule as kafkaOrderedRetries } from "./kafka-ordered-retries.ts";
import { rule as kafkaProducerAcks } from "./kafka-producer-acks.ts";
import { rule as kafkaRebalanceBudget } from "./kafka-rebalance-budget.ts";
import { rule as kafkaSessionHeartbeat } from "./kafka-session-heartbeat.ts";
import { rule as kafkaUncleanElection } from "./kafka-unclean-election.ts";
import { rule as kernelExpect } from "./kernel-expect.ts";
import { rule as kubernetesUnsafeSysctl } from "./kubernetes-unsafe-sysctl.ts";
import { rule as listenOverflows } from "./listen-overflows.ts";
import { rule as liveDiffersFromFile } from "./live-differs-from-file.ts";
import { rule as malformedFile } from "./malformed-file.ts";
import { rule as maxMapCount } from "./max-map-count.ts";
import { rule as openFiles } from "./open-files.ts";
import { rule as overcommitMemory } from "./overcommit-memory.ts";
import { rule as poolExceedsMaxclients } from "./pool-exceeds-maxclients.ts";
import { rule as poolMaxConnections } from "./pool-max-connections.ts";
import { rule as poolMaxIdle } from "./pool-max-idle.ts";
import { rule as poolTotal } from "./pool-total.ts";
import { rule as portRange } from "./port-range.ts";
import { rule as portRangeOverlap } from "./port-range-overlap.ts";
import { rule as redisContainerMemory } from "./redis-container-memory.ts";
import { rule as redisEvictionPolicy } from "./redis-eviction-policy.ts";
import { rule as redisLiveReplicas } from "./redis-live-replicas.ts";
import { rule as redisMaxmemory } from "./redis-maxmemory.ts";
import { rule as redisMemoryUsed } from "./redis-memory-used.ts";
import { rule as redisMinReplicas } from "./redis-min-replicas.ts";
import { rule as redisOpenToAll } from "./redis-open-to-all.ts";
import { rule as redisPersistence } from "./redis-persistence.ts";
import { rule as redisRejectedConnections } from "./redis-rejected-connections.ts";
import { rule as redisTcpKeepalive } from "./redis-tcp-keepalive.ts";
import { rule as somaxconn } from "./somaxconn.ts";
import { rule as swappiness } from "./swappiness.ts";
import { rule as sysctlNotNamespaced } from "./sysctl-not-namespaced.ts";
import { rule as tcpMaxSynBacklog } from "./tcp-max-syn-backlog.ts";
import { rule as tcpSyncookies } from "./tcp-syncookies.ts";
import { rule as tcpTwRecycle } from "./tcp-tw-recycle.ts";
import { rule as tcpTwReuse } from "./tcp-tw-reuse.ts";
import { rule as timeWait } from "./time-wait.ts";
import { rule as transparentHugePages } from "./transparent-huge-pages.ts";
import { rule as waitBelowPreset } from "./wait-below-preset.ts";
import { rule as waitForEver } from "./wait-for-ever.ts";
import { rule as waitIsNoConsensus } from "./wait-is-no-consensus.ts";
import { rule as waitMissing } from "./wait-missing.ts";
import { rule as waitOutlivesClaim } from "./wait-outlives-claim.ts";
import { rule as waitReplicasExceedTopology } from "./wait-replicas-exceed-topology.ts";
import { rule as waitSameConnection } from "./wait-same-connection.ts";
import { rule as waitShortfall } from "./wait-shortfall.ts";

/** Every rule of this folder, one file each. */
export const auditRules: readonly Rule[] = [
  backlogAboveSomaxconn,
  claimWithoutExpiry,
  clientCommandTimeout,
  clientOfflineQueue,
  contradictorySettings,
  dedupMissing,
  dedupTimestampSource,
  dedupUnique,
  etcdClusterSize,
  etcdCompaction,
  etcdDiskLatency,
  etcdElectionTimeout,
  etcdHasLeader,
  etcdHeartbeatRtt,
  etcdOneChannel,
  etcdQuota,
  etcdSameTiming,
  etcdSpaceUsed,
  etcdValueSize,
  fileHandlesUsed,
  fileMax,
  kafkaAutoCreateTopics,
  kafkaIdempotence,
  kafkaInsyncAboveReplication,
  kafkaInternalReplication,
  kafkaMinInsyncReplicas,
  kafkaOrderedRetries,
  kafkaProducerAcks,
  kafkaRebalanceBudget,
  kafkaSessionHeartbeat,
  kafkaUncleanElection,
  kernelExpect,
  kubernetesUnsafeSysctl,
  listenOverflows,
  liveDiffersFromFile,
  malformedFile,
  maxMapCount,
  openFiles,
  overcommitMemory,
  poolExceedsMaxclients,
  poolMaxConnections,
  poolMaxIdle,
  poolTotal,
  portRange,
  portRangeOverlap,
  redisContainerMemory,
  redisEvictionPolicy,
  redisLiveReplicas,
  redisMaxmemory,
  redisMemoryUsed,
  redisMinReplicas,
  redisOpenToAll,
  redisPersistence,
  redisRejectedConnections,
  redisTcpKeepalive,
  somaxconn,
  swappiness,
  sysctlNotNamespaced,
  tcpMaxSynBacklog,
  tcpSyncookies,
  tcpTwRecycle,
  tcpTwReuse,
  timeWait,
  transparentHugePages,
  waitBelowPreset,
  waitForEver,
  waitIsNoConsensus,
  waitMissing,
  waitOutlivesClaim,
  waitReplicasExceedTopology,
  waitSameConnection,
  waitShortfall,
];
