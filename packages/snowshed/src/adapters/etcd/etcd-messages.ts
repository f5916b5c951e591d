import type { Codec } from "./protobuf.ts";
import { bool, int32, int64, message, nested, repeated, text } from "./protobuf.ts";

// The messages of etcd's public protocol (etcdserverpb, mvccpb) that are used here, with the fields that are. What is sent
// may leave fields out; what is received has all of them, and `undefined` for a message that is not there.

/** @internal */
export interface Header {
  readonly revision: bigint;
}
const header: Codec<Header> = message({ revision: int64(3) });

/** @internal */
export interface KeyValue {
  readonly key: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly value: string;
  readonly lease: bigint;
}
const keyValue: Codec<KeyValue> = message({
  key: text(1),
  createRevision: int64(2),
  modRevision: int64(3),
  value: text(5),
  lease: int64(6),
});

/** @internal */
export const sortOrder = { ascending: 1, descending: 2 } as const;
/** @internal */
export const sortTarget = { create: 2 } as const;

/** @internal */
export interface RangeRequest {
  readonly key: string;
  /** The first key that is no part of it; without it: `key` alone. */
  readonly rangeEnd?: string | undefined;
  readonly limit?: bigint | undefined;
  readonly sortOrder?: number | undefined;
  readonly sortTarget?: number | undefined;
}
const rangeRequest: Codec<RangeRequest> = message({
  key: text(1),
  rangeEnd: text(2),
  limit: int64(3),
  sortOrder: int32(5),
  sortTarget: int32(6),
});

/** @internal */
export interface RangeResponse {
  readonly header?: Header | undefined;
  readonly kvs: readonly KeyValue[];
}
const rangeResponse: Codec<RangeResponse> = message({
  header: nested(1, () => header),
  kvs: repeated(nested(2, () => keyValue)),
});

/** @internal */
export interface PutRequest {
  readonly key: string;
  readonly value: string;
  readonly lease?: bigint | undefined;
}
const putRequest: Codec<PutRequest> = message({ key: text(1), value: text(2), lease: int64(3) });

/** @internal */
export interface DeleteRangeRequest {
  readonly key: string;
}
const deleteRangeRequest: Codec<DeleteRangeRequest> = message({ key: text(1) });

/** @internal */
export interface DeleteRangeResponse {
  readonly deleted: bigint;
}
const deleteRangeResponse: Codec<DeleteRangeResponse> = message({ deleted: int64(2) });

/** @internal */
export const compareResult = { equal: 0, less: 2 } as const;
/** @internal */
export const compareTarget = { create: 1, mod: 2, value: 3 } as const;

/** @internal */
export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: string;
  readonly createRevision?: bigint | undefined;
  readonly modRevision?: bigint | undefined;
  readonly value?: string | undefined;
  /** All keys from `key` to before this one must meet the condition; none at all do. */
  readonly rangeEnd?: string | undefined;
}
const compare: Codec<Compare> = message({
  result: int32(1),
  target: int32(2),
  key: text(3),
  createRevision: int64(5),
  modRevision: int64(6),
  value: text(7),
  rangeEnd: text(64),
});

/** One of them. @internal */
export interface RequestOp {
  readonly range?: RangeRequest | undefined;
  readonly put?: PutRequest | undefined;
  readonly deleteRange?: DeleteRangeRequest | undefined;
  readonly txn?: TxnRequest | undefined;
}
const requestOp: Codec<RequestOp> = message({
  range: nested(1, () => rangeRequest),
  put: nested(2, () => putRequest),
  deleteRange: nested(3, () => deleteRangeRequest),
  txn: nested(4, () => txnRequest),
});

/** @internal */
export interface ResponseOp {
  readonly range?: RangeResponse | undefined;
  readonly deleteRange?: DeleteRangeResponse | undefined;
  readonly txn?: TxnResponse | undefined;
}
const responseOp: Codec<ResponseOp> = message({
  range: nested(1, () => rangeResponse),
  deleteRange: nested(3, () => deleteRangeResponse),
  txn: nested(4, () => txnResponse),
});

/** @internal */
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}
const txnRequest: Codec<TxnRequest> = message({
  compare: repeated(nested(1, () => compare)),
  success: repeated(nested(2, () => requestOp)),
  failure: repeated(nested(3, () => requestOp)),
});

/** @internal */
export interface TxnResponse {
  readonly header?: Header | undefined;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}
const txnResponse: Codec<TxnResponse> = message({
  header: nested(1, () => header),
  succeeded: bool(2),
  responses: repeated(nested(3, () => responseOp)),
});

/** @internal */
export interface WatchCreateRequest {
  readonly key: string;
  readonly rangeEnd: string;
  /** Default: what is next. */
  readonly startRevision?: bigint | undefined;
}
const watchCreateRequest: Codec<WatchCreateRequest> = message({
  key: text(1),
  rangeEnd: text(2),
  startRevision: int64(3),
});

/** @internal */
export interface WatchRequest {
  readonly createRequest: WatchCreateRequest;
}
const watchRequest: Codec<WatchRequest> = message({ createRequest: nested(1, () => watchCreateRequest) });

/** @internal */
export const eventType = { put: 0, delete: 1 } as const;

/** @internal */
export interface WatchEvent {
  readonly type: number;
  readonly kv?: KeyValue | undefined;
}
const watchEvent: Codec<WatchEvent> = message({ type: int32(1), kv: nested(2, () => keyValue) });

/** @internal */
export interface WatchResponse {
  readonly created: boolean;
  readonly canceled: boolean;
  /** Above 0: what was asked for has been compacted away. */
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly events: readonly WatchEvent[];
}
const watchResponse: Codec<WatchResponse> = message({
  created: bool(3),
  canceled: bool(4),
  compactRevision: int64(5),
  cancelReason: text(6),
  events: repeated(nested(11, () => watchEvent)),
});

/** Of all requests that name a lease, and of their answers. `ttl`: whole seconds. @internal */
export interface Lease {
  readonly id: bigint;
}
/** @internal */
export interface LeaseAnswer {
  readonly id: bigint;
  readonly ttl: bigint;
}
const leaseRequest: Codec<Lease> = message({ id: int64(1) });
/** Of LeaseKeepAlive, LeaseGrant and LeaseTimeToLive, which agree in these two. */
const leaseAnswer: Codec<LeaseAnswer> = message({ id: int64(2), ttl: int64(3) });

/** @internal */
export interface LeaseGrantRequest {
  readonly ttl: bigint;
}
const leaseGrantRequest: Codec<LeaseGrantRequest> = message({ ttl: int64(1) });

/** @internal */
export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}
const authenticateRequest: Codec<AuthenticateRequest> = message({ name: text(1), password: text(2) });

/** @internal */
export interface AuthenticateResponse {
  readonly token: string;
}
const authenticateResponse: Codec<AuthenticateResponse> = message({ token: text(2) });

const nothing: Codec<object> = message({});

/** A remote procedure: its path, and whether it is a stream of requests and answers. @internal */
export interface Procedure<Request, Answer> {
  readonly path: string;
  readonly request: Codec<Request>;
  readonly answer: Codec<Answer>;
  readonly isStream: boolean;
}

function procedure<Request, Answer>(
  path: string,
  request: Codec<Request>,
  answer: Codec<Answer>,
  isStream: boolean = false,
): Procedure<Request, Answer> {
  return { path: `/etcdserverpb.${path}`, request, answer, isStream };
}

/** @internal */
export const range: Procedure<RangeRequest, RangeResponse> = procedure("KV/Range", rangeRequest, rangeResponse);
/** @internal */
export const txn: Procedure<TxnRequest, TxnResponse> = procedure("KV/Txn", txnRequest, txnResponse);
/** @internal */
export const watch: Procedure<WatchRequest, WatchResponse> = procedure(
  "Watch/Watch",
  watchRequest,
  watchResponse,
  true,
);
/** @internal */
export const leaseGrant: Procedure<LeaseGrantRequest, LeaseAnswer> = procedure(
  "Lease/LeaseGrant",
  leaseGrantRequest,
  leaseAnswer,
);
/** @internal */
export const leaseKeepAlive: Procedure<Lease, LeaseAnswer> = procedure(
  "Lease/LeaseKeepAlive",
  leaseRequest,
  leaseAnswer,
  true,
);
/** @internal */
export const leaseTimeToLive: Procedure<Lease, LeaseAnswer> = procedure(
  "Lease/LeaseTimeToLive",
  leaseRequest,
  leaseAnswer,
);
/** @internal */
export const leaseRevoke: Procedure<Lease, object> = procedure("Lease/LeaseRevoke", leaseRequest, nothing);
/** @internal */
export const authenticate: Procedure<AuthenticateRequest, AuthenticateResponse> = procedure(
  "Auth/Authenticate",
  authenticateRequest,
  authenticateResponse,
);
