// What is written and read by hand, against an implementation of protocol buffers that knows all of it: in both
// directions, with fields that are not known here.
import { fromJSON } from "@grpc/proto-loader";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { TxnRequest, TxnResponse, WatchResponse } from "../../../src/adapters/etcd/etcd-messages.ts";
import { leaseGrant, leaseKeepAlive, range, txn, watch } from "../../../src/adapters/etcd/etcd-messages.ts";

const field = (type: string, id: number, rule?: string): object => ({ type, id, ...(rule && { rule }) });
const list = (type: string, id: number): object => field(type, id, "repeated");

/** The messages of etcd's rpc.proto and kv.proto, with all their fields but those of messages that are not used here. */
const descriptor = {
  nested: {
    ResponseHeader: {
      fields: {
        cluster_id: field("uint64", 1),
        member_id: field("uint64", 2),
        revision: field("int64", 3),
        raft_term: field("uint64", 4),
      },
    },
    KeyValue: {
      fields: {
        key: field("bytes", 1),
        create_revision: field("int64", 2),
        mod_revision: field("int64", 3),
        version: field("int64", 4),
        value: field("bytes", 5),
        lease: field("int64", 6),
      },
    },
    RangeRequest: {
      fields: {
        key: field("bytes", 1),
        range_end: field("bytes", 2),
        limit: field("int64", 3),
        revision: field("int64", 4),
        sort_order: field("int32", 5),
        sort_target: field("int32", 6),
        serializable: field("bool", 7),
      },
    },
    RangeResponse: {
      fields: {
        header: field("ResponseHeader", 1),
        kvs: list("KeyValue", 2),
        more: field("bool", 3),
        count: field("int64", 4),
      },
    },
    PutRequest: {
      fields: {
        key: field("bytes", 1),
        value: field("bytes", 2),
        lease: field("int64", 3),
        prev_kv: field("bool", 4),
      },
    },
    PutResponse: { fields: { header: field("ResponseHeader", 1), prev_kv: field("KeyValue", 2) } },
    DeleteRangeRequest: {
      fields: { key: field("bytes", 1), range_end: field("bytes", 2), prev_kv: field("bool", 3) },
    },
    DeleteRangeResponse: {
      fields: { header: field("ResponseHeader", 1), deleted: field("int64", 2), prev_kvs: list("KeyValue", 3) },
    },
    RequestOp: {
      oneofs: { request: { oneof: ["request_range", "request_put", "request_delete_range", "request_txn"] } },
      fields: {
        request_range: field("RangeRequest", 1),
        request_put: field("PutRequest", 2),
        request_delete_range: field("DeleteRangeRequest", 3),
        request_txn: field("TxnRequest", 4),
      },
    },
    ResponseOp: {
      oneofs: { response: { oneof: ["response_range", "response_put", "response_delete_range", "response_txn"] } },
      fields: {
        response_range: field("RangeResponse", 1),
        response_put: field("PutResponse", 2),
        response_delete_range: field("DeleteRangeResponse", 3),
        response_txn: field("TxnResponse", 4),
      },
    },
    Compare: {
      oneofs: { target_union: { oneof: ["version", "create_revision", "mod_revision", "value", "lease"] } },
      fields: {
        result: field("int32", 1),
        target: field("int32", 2),
        key: field("bytes", 3),
        version: field("int64", 4),
        create_revision: field("int64", 5),
        mod_revision: field("int64", 6),
        value: field("bytes", 7),
        lease: field("int64", 8),
        range_end: field("bytes", 64),
      },
    },
    TxnRequest: {
      fields: { compare: list("Compare", 1), success: list("RequestOp", 2), failure: list("RequestOp", 3) },
    },
    TxnResponse: {
      fields: { header: field("ResponseHeader", 1), succeeded: field("bool", 2), responses: list("ResponseOp", 3) },
    },
    WatchCreateRequest: {
      fields: { key: field("bytes", 1), range_end: field("bytes", 2), start_revision: field("int64", 3) },
    },
    WatchRequest: { fields: { create_request: field("WatchCreateRequest", 1) } },
    Event: { fields: { type: field("int32", 1), kv: field("KeyValue", 2), prev_kv: field("KeyValue", 3) } },
    WatchResponse: {
      fields: {
        header: field("ResponseHeader", 1),
        watch_id: field("int64", 2),
        created: field("bool", 3),
        canceled: field("bool", 4),
        compact_revision: field("int64", 5),
        cancel_reason: field("string", 6),
        fragment: field("bool", 7),
        events: list("Event", 11),
      },
    },
    Lease: { fields: { TTL: field("int64", 1), ID: field("int64", 2) } },
    LeaseAnswer: {
      fields: {
        header: field("ResponseHeader", 1),
        ID: field("int64", 2),
        TTL: field("int64", 3),
        error: field("string", 4),
        keys: list("bytes", 5),
      },
    },
    All: {
      methods: {
        Txn: { requestType: "TxnRequest", responseType: "TxnResponse" },
        Range: { requestType: "RangeRequest", responseType: "RangeResponse" },
        Watch: { requestType: "WatchRequest", responseType: "WatchResponse" },
        Lease: { requestType: "Lease", responseType: "LeaseAnswer" },
      },
    },
  },
};

type Method = "Txn" | "Range" | "Watch" | "Lease";
type Plain = Readonly<Record<string, unknown>>;

interface Definition {
  readonly requestSerialize: (value: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => object;
  readonly responseSerialize: (value: object) => Buffer;
}

const definition = fromJSON(descriptor as never, { keepCase: true, longs: String, defaults: false });
const method = (name: Method): Definition =>
  (definition["All"] as unknown as Readonly<Record<Method, Definition>>)[name];

// 2^53 and more are among them, and so are texts of more than 127 bytes, whose length takes two.
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constant("long ".repeat(100)), fc.constant("\uFEFFmarked"));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const small = fc.nat(3);

const put = fc.record({ key: text, value: text, lease: maybe(int64) });
const rangeRequest = fc.record({
  key: text,
  rangeEnd: maybe(text),
  limit: maybe(int64),
  sortOrder: maybe(small),
  sortTarget: maybe(small),
});
const compare = fc.record({ result: small, target: small, key: text, rangeEnd: maybe(text) }).chain((each) =>
  fc.oneof(
    int64.map((createRevision) => ({ ...each, createRevision })),
    int64.map((modRevision) => ({ ...each, modRevision })),
    text.map((value) => ({ ...each, value })),
  ),
);
const request = fc.letrec<{ readonly txn: TxnRequest }>((tie) => {
  const op = fc.oneof(
    { maxDepth: 2 },
    put.map((each) => ({ put: each })),
    rangeRequest.map((each) => ({ range: each })),
    text.map((key) => ({ deleteRange: { key } })),
    tie("txn").map((each) => ({ txn: each })),
  );
  const ops = fc.array(op, { maxLength: 3 });
  return { txn: fc.record({ compare: fc.array(compare, { maxLength: 3 }), success: ops, failure: ops }) };
}).txn;

const names: Readonly<Record<string, string>> = {
  rangeEnd: "range_end",
  sortOrder: "sort_order",
  sortTarget: "sort_target",
  createRevision: "create_revision",
  modRevision: "mod_revision",
  startRevision: "start_revision",
  createRequest: "create_request",
  compactRevision: "compact_revision",
  cancelReason: "cancel_reason",
};
const requestOps = {
  range: "request_range",
  put: "request_put",
  deleteRange: "request_delete_range",
  txn: "request_txn",
};
const responseOps = { range: "response_range", deleteRange: "response_delete_range", txn: "response_txn" };
const textFields = new Set(["key", "value", "range_end"]);

/** A message of ours in the form of the other implementation; what is undefined is left out. */
function other(value: unknown, ops: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((each) => other(each, ops));
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, each]): [string, unknown][] => {
    if (each === undefined || (Array.isArray(each) && each.length === 0)) return [];
    const name = (typeof each === "object" ? ops[key] : undefined) ?? names[key] ?? key;
    return [[name, textFields.has(name) ? Buffer.from(each as string) : other(each, ops)]];
  });
  return Object.fromEntries(entries);
}

test("what is written here is read there", () => {
  fc.assert(
    fc.property(request, (given) => {
      const bytes = Buffer.from(txn.request.encode(given));
      expect(method("Txn").requestDeserialize(bytes)).toEqual(other(given, requestOps));
      expect(txn.request.encode(txn.request.decode(bytes)).length).toBeGreaterThanOrEqual(bytes.length);
    }),
  );
});

const header = fc.record({ revision: int64 });
const keyValue = fc.record({ key: text, createRevision: int64, modRevision: int64, value: text, lease: int64 });
const rangeResponse = fc.record({ header: maybe(header), kvs: fc.array(keyValue, { maxLength: 3 }) });
const response = fc.letrec<{ readonly txn: TxnResponse }>((tie) => {
  const noRange = undefined;
  const deleteRange = undefined;
  const noTxn = undefined;
  const op = fc.oneof(
    { maxDepth: 2 },
    rangeResponse.map((each) => ({ range: each, deleteRange, txn: noTxn })),
    int64.map((deleted) => ({ range: noRange, deleteRange: { deleted }, txn: noTxn })),
    tie("txn").map((each) => ({ range: noRange, deleteRange, txn: each })),
  );
  return {
    txn: fc.record({ header: maybe(header), succeeded: fc.boolean(), responses: fc.array(op, { maxLength: 3 }) }),
  };
}).txn;
const watchResponse: fc.Arbitrary<WatchResponse> = fc.record({
  created: fc.boolean(),
  canceled: fc.boolean(),
  compactRevision: int64,
  cancelReason: text,
  events: fc.array(fc.record({ type: fc.nat(1), kv: maybe(keyValue) }), { maxLength: 3 }),
});

/** Adds to each message what is not known here. */
function withUnknown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withUnknown);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  const plain = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withUnknown(each)])) as Plain;
  if ("mod_revision" in plain) return { ...plain, version: "7" };
  if ("revision" in plain) return { ...plain, cluster_id: "18446744073709551615", raft_term: "2" };
  return plain;
}

test("what is written there is read here", () => {
  fc.assert(
    fc.property(response, watchResponse, (ofTxn, ofWatch) => {
      const txnBytes = method("Txn").responseSerialize(withUnknown(other(ofTxn, responseOps)) as object);
      expect(txn.answer.decode(txnBytes)).toEqual(ofTxn);
      const watchBytes = method("Watch").responseSerialize(withUnknown(other(ofWatch, responseOps)) as object);
      expect(watch.answer.decode(watchBytes)).toEqual(ofWatch);
    }),
  );
});

test("requests and answers without a message in them", () => {
  const created = { createRequest: { key: "a/", rangeEnd: "a0", startRevision: 2n ** 62n } };
  expect(method("Watch").requestDeserialize(Buffer.from(watch.request.encode(created)))).toEqual(
    other(created, requestOps),
  );
  expect(method("Range").requestDeserialize(Buffer.from(range.request.encode({ key: "a" })))).toEqual({
    key: Buffer.from("a"),
  });
  expect(method("Lease").requestDeserialize(Buffer.from(leaseGrant.request.encode({ ttl: 10n })))).toEqual({
    TTL: "10",
  });
  const answer = { header: { revision: "1" }, ID: "7587848390", TTL: "-1", error: "none", keys: [Buffer.from("a")] };
  expect(leaseKeepAlive.answer.decode(method("Lease").responseSerialize(answer))).toEqual({
    id: 7587848390n,
    ttl: -1n,
  });
});

test("fields that were left out have their initial values, and no two messages share them", () => {
  const [first, second] = [range.answer.decode(new Uint8Array()), range.answer.decode(new Uint8Array())];
  expect(first).toEqual({ header: undefined, kvs: [] });
  expect(first.kvs).not.toBe(second.kvs);
});

test("bytes that are no message are an error, or are skipped; nothing hangs", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        txn.answer.decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
  expect(() => txn.answer.decode(Uint8Array.of(0x10, 0x80))).toThrow("ends too early");
  expect(() => txn.answer.decode(Uint8Array.of(0x0a, 0x05, 0x00))).toThrow("ends too early");
  expect(() => txn.answer.decode(Uint8Array.from([0x10, ...Array<number>(10).fill(0xff)]))).toThrow("too long");
  expect(() => txn.answer.decode(Uint8Array.of(0x7b))).toThrow("wire type 3");
});
