import { nearest } from "../nearest.ts";

export type MetricKind = "gauge" | "counter" | "histogram";

/** Exported by etcd 3.4 to 3.6. What begins with etcd_debugging_ may change with any version and is not listed. */
const etcd = {
  histogram: `disk_backend_commit_duration_seconds disk_backend_defrag_duration_seconds disk_backend_snapshot_duration_seconds
    disk_wal_fsync_duration_seconds disk_wal_write_duration_seconds mvcc_hash_duration_seconds mvcc_hash_rev_duration_seconds
    network_peer_round_trip_time_seconds network_snapshot_send_total_duration_seconds
    network_snapshot_receive_total_duration_seconds server_apply_duration_seconds server_request_duration_seconds
    server_range_duration_seconds snap_db_fsync_duration_seconds snap_db_save_total_duration_seconds
    snap_fsync_duration_seconds`,
  counter: `grpc_proxy_events_coalescing_total mvcc_delete_total mvcc_put_total mvcc_range_total mvcc_txn_total
    network_active_peers_total network_client_grpc_received_bytes_total network_client_grpc_sent_bytes_total
    network_disconnected_peers_total network_known_peers_total network_peer_received_bytes_total
    network_peer_received_failures_total network_peer_sent_bytes_total network_peer_sent_failures_total
    network_server_stream_failures_total network_snapshot_receive_failures network_snapshot_receive_success
    network_snapshot_send_failures network_snapshot_send_success server_client_requests_total server_health_failures
    server_health_success server_heartbeat_send_failures_total server_leader_changes_seen_total
    server_learner_promote_failures server_learner_promote_successes server_proposals_failed_total
    server_read_indexes_failed_total server_slow_apply_total server_slow_read_indexes_total`,
  gauge: `cluster_version disk_defrag_inflight disk_wal_write_bytes_total grpc_proxy_cache_hits_total
    grpc_proxy_cache_keys_total grpc_proxy_cache_misses_total grpc_proxy_watchers_coalescing_total
    mvcc_db_open_read_transactions mvcc_db_total_size_in_bytes mvcc_db_total_size_in_use_in_bytes network_active_peers
    network_known_peers network_snapshot_receive_inflights_total network_snapshot_send_inflights_total
    server_feature_enabled server_go_version server_has_leader server_id server_is_leader server_is_learner
    server_proposals_applied_total server_proposals_committed_total server_proposals_pending server_quota_backend_bytes
    server_snapshot_apply_in_progress_total server_version`,
};

/** Exported by redis_exporter, but for what depends on the server: see `ofOthers`. */
const redis = {
  histogram: "commands_latencies_usec",
  counter: `acl_access_denied_auth_total acl_access_denied_channel_total acl_access_denied_cmd_total acl_access_denied_key_total
    active_time_main_thread_seconds_total cached_keys_total client_output_buffer_limit_disconnections_total
    client_query_buffer_limit_disconnections_total commands_duration_seconds_total commands_failed_calls_total
    commands_processed_total commands_rejected_calls_total commands_total connections_received_total
    cpu_sys_children_seconds_total cpu_sys_main_thread_seconds_total cpu_sys_seconds_total
    cpu_user_children_seconds_total cpu_user_main_thread_seconds_total cpu_user_seconds_total errors_total
    eventloop_cycles_total eventloop_duration_cmd_sum_usec_total eventloop_duration_sum_usec_total evicted_clients_total
    evicted_keys_total evicted_scripts_total eviction_exceeded_time_ms_total expire_cycle_cpu_time_ms_total
    expired_keys_total expired_subkeys_total expired_time_cap_reached_total exporter_scrapes_total keyspace_hits_total
    keyspace_misses_total net_input_bytes_total net_output_bytes_total net_repl_input_bytes_total
    net_repl_output_bytes_total rejected_connections_total reply_buffer_expands_total reply_buffer_shrinks_total
    target_scrape_request_errors_total`,
  gauge: `active_defrag_running allocator_active_bytes allocator_allocated_bytes allocator_frag_bytes allocator_frag_ratio
    allocator_muzzy_bytes allocator_resident_bytes allocator_rss_bytes allocator_rss_ratio aof_base_size_bytes
    aof_buffer_length aof_current_rewrite_duration_sec aof_current_size_bytes aof_delayed_fsync aof_enabled
    aof_last_bgrewrite_status aof_last_cow_size_bytes aof_last_rewrite_duration_sec aof_last_write_status
    aof_pending_bio_fsync aof_pending_rewrite aof_rewrite_buffer_length aof_rewrite_in_progress aof_rewrite_scheduled
    async_loading blocked_clients client_biggest_input_buf client_longest_output_list
    client_recent_max_input_buffer_bytes client_recent_max_output_buffer_bytes clients_in_timeout_table
    cluster_slots_fail cluster_slots_ok cluster_state config_maxclients config_maxmemory connected_clients
    connected_slave_lag_seconds connected_slave_offset_bytes connected_slaves current_client_thread
    current_eviction_exceeded_time_ms db_avg_ttl_seconds db_keys db_keys_cached db_keys_expiring defrag_hits
    defrag_key_hits defrag_key_misses defrag_misses dump_payload_sanitizations expired_stale_percentage
    exporter_last_scrape_duration_seconds exporter_last_scrape_error instance_info
    instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec io_threaded_reads_processed
    io_threaded_writes_processed io_threads_active last_key_groups_scrape_duration_milliseconds
    last_slow_execution_duration_seconds latency_spike_duration_seconds latency_spike_last latest_fork_usec
    lazyfree_pending_objects lazyfreed_objects loading_dump_file long_lock_waits_total master_last_io_seconds_ago
    master_link_up master_repl_offset master_sync_in_progress max_clients mem_aof_buffer_bytes mem_clients_normal
    mem_clients_slaves mem_cluster_links_bytes mem_fragmentation_bytes mem_fragmentation_ratio
    mem_not_counted_for_eviction_bytes mem_overhead_db_hashtable_rehashing_bytes mem_replication_backlog_bytes
    mem_total_replication_buffers_bytes memory_max_bytes memory_max_fragmentation_reservation_bytes
    memory_max_fragmentation_reservation_desired_bytes memory_max_reservation_bytes memory_max_reservation_desired_bytes
    memory_used_bytes memory_used_dataset_bytes memory_used_functions_bytes memory_used_lua_bytes
    memory_used_overhead_bytes memory_used_peak_bytes memory_used_rss_bytes memory_used_scripts_bytes
    memory_used_scripts_eval_bytes memory_used_startup_bytes memory_used_vm_eval_bytes memory_used_vm_functions_bytes
    memory_used_vm_total migrate_cached_sockets_total process_id pubsub_channels pubsub_clients pubsub_patterns
    pubsubshard_channels rdb_bgsave_in_progress rdb_changes_since_last_save rdb_current_bgsave_duration_sec
    rdb_current_size_bytes rdb_last_bgsave_duration_sec rdb_last_bgsave_status rdb_last_cow_size_bytes
    rdb_last_load_expired_keys rdb_last_load_loaded_keys rdb_last_save_timestamp_seconds rdb_saves_total
    repl_backlog_first_byte_offset repl_backlog_history_bytes repl_backlog_is_active replica_partial_resync_accepted
    replica_partial_resync_denied replica_resyncs_full replication_backlog_bytes second_repl_offset server_threads_total
    slave_expires_tracked_keys slave_info slave_priority slave_repl_offset slowlog_last_id slowlog_length
    start_time_seconds total_blocking_keys total_blocking_keys_on_nokey total_error_replies total_reads_processed
    total_system_memory_bytes total_watched_keys total_writes_processed tracking_clients tracking_total_items
    tracking_total_keys tracking_total_prefixes unexpected_error_replies up uptime_in_seconds watching_clients`,
};

/** Exported by kafka_exporter; names of the JMX exporter are whatever its configuration makes of them. */
const kafka = {
  histogram: "",
  counter: "",
  gauge: `brokers broker_info consumergroup_current_offset consumergroup_current_offset_sum consumergroup_lag
    consumergroup_lag_sum consumergroup_members consumergroup_uncommitted_offsets consumergroupzookeeper_lag_zookeeper
    topic_partition_current_offset topic_partition_in_sync_replica topic_partition_leader
    topic_partition_leader_is_preferred topic_partition_oldest_offset topic_partition_replicas
    topic_partition_under_replicated_partition topic_partitions`,
};

/** The table of docs/metrics.md; a test compares them. */
const snowshed = {
  histogram: "wait_seconds",
  counter: `breaker_opened_total file_handles_exhausted_total leaked_tasks_total leases_lost_total
    limiter_admitted_total limiter_dropped_total metrics_errors_total pool_broken_total pool_create_failures_total
    pool_created_total pool_leaks_total rejections_total retry_budget_withdrawn_total tasks_ended_total
    tasks_started_total`,
  gauge: `breaker_state deadlocks file_handles_paused_seconds keyed_quota_keys keyed_quota_max_keys limiter_limit
    pool_longest_held_seconds pool_resources quota_available quota_paused_seconds quota_server_remaining
    resource_capacity resource_held resource_pending retry_budget_balance tasks_live`,
};

/** Of node_exporter, what the rules here ask for; the rest is never judged. */
const node = {
  histogram: "",
  counter: "netstat_TcpExt_ListenDrops netstat_TcpExt_ListenOverflows vmstat_pswpin vmstat_pswpout",
  gauge: "filefd_allocated filefd_maximum memory_MemAvailable_bytes memory_MemTotal_bytes sockstat_TCP_tw",
};

const process = { histogram: "", counter: "cpu_seconds_total", gauge: "max_fds open_fds resident_memory_bytes" };

const kinds = new Map<string, MetricKind>();
for (const [prefix, exporter] of Object.entries({ etcd, redis, kafka, snowshed, node, process })) {
  for (const [kind, names] of Object.entries(exporter)) {
    for (const name of names.split(/\s+/)) if (name !== "") kinds.set(`${prefix}_${name}`, kind as MetricKind);
  }
}

/** Untyped by node_exporter, though they only grow: `rate()` is right on them. */
export function kindOf(metric: string): MetricKind | null {
  return kinds.get(metric) ?? null;
}

/** The histogram a series belongs to, such as of `x_bucket`; null when it is none that is known. */
export function histogramOf(metric: string): string | null {
  const base = metric.replace(/_(?:bucket|sum|count)$/, "");
  return kinds.get(base) === "histogram" ? base : null;
}

/** Every metric that is known, by the names series have. @internal */
export const knownMetrics: readonly string[] = [...kinds].flatMap(([name, kind]) =>
  kind === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
);

const known = new Set(knownMetrics);

/**
 * What the API server of Kubernetes tells of its etcd; and what redis_exporter has of keys, streams, modules, clusters and
 * Sentinels, which depends on the server and on what it was told to look at.
 */
const ofOthers =
  /^(?:etcd_(?:requests?_|object_counts|db_total_size_in_bytes|lease_object_counts|bookmark_|helper_cache_)|redis_(?:sentinel|cluster|config|key|keys|stream|search|module|script|commandlog|latency|bf|json|tile38|storage_provider|exporter|number_of)_)/;

/** What to say of a name that no exporter has; null of one that is known, or of an exporter that is not. */
export function unknownMetric(
  metric: string,
): { readonly meant: string | undefined; readonly certain: boolean } | null {
  if (known.has(metric) || kinds.has(metric) || metric.includes(":") || metric.startsWith("etcd_debugging_"))
    return null;
  if (ofOthers.test(metric)) return null;
  const prefix = /^(?:etcd|redis|kafka_(?:brokers|consumergroup|topic)|snowshed)_?/.exec(metric)?.[0];
  if (prefix === undefined) return null;
  const meant = nearest(metric, knownMetrics);
  // Exporters of other makers begin their names the same way.
  return { meant, certain: meant !== undefined || metric.startsWith("snowshed_") };
}

/** Series that are 0 when a limit is not set; the quota of etcd has a default, and is negative when there is none: divided by, they make a share that is above everything. */
export const zeroWhenUnset: ReadonlySet<string> = new Set([
  "redis_memory_max_bytes",
  "redis_config_maxmemory",
  "container_spec_memory_limit_bytes",
]);
