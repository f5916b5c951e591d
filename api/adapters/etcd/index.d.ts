export type { EtcdLeader } from "./election-observer.ts";
export { EtcdClient } from "./etcd-client.ts";
export type { EtcdClientOptions, EtcdTls } from "./etcd-client.ts";
export { EtcdElection } from "./etcd-election.ts";
export type { EtcdCampaignOptions, EtcdElectionOptions, EtcdLeadership } from "./etcd-election.ts";
export { EtcdSemaphore } from "./etcd-semaphore.ts";
export type { GrpcClientLike, GrpcLike, GrpcStreamLike } from "./grpc-like.ts";
export type { EtcdSemaphoreAcquireOptions, EtcdSemaphoreInspection, EtcdSemaphoreOptions, } from "./semaphore-options.ts";
export type { Fence, LeasePermit } from "../../throttle/lease-permit.ts";
