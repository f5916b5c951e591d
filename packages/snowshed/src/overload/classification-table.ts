// The one table: what is known of errors, by what they carry. docs/classify.md shows it, and a test compares the two.

/** In the order of how bad they are: of several, the worst counts. `congested` is `transient` that a limiter heeds. */
export const ranks = { ignore: 1, transient: 2, congested: 3, overload: 4, fatal: 5 } as const;

export type Kind = keyof typeof ranks;
export type Rank = 0 | (typeof ranks)[Kind];

/** Rows of the table by kind. An entry that ends in `*` is a beginning. */
export type Rows = Readonly<Partial<Record<Kind, readonly string[]>>>;

/** @internal */
export class Lookup {
  readonly rows: Rows;
  readonly #exact = new Map<string, Rank>();
  readonly #beginnings: (readonly [string, Rank])[] = [];

  constructor(rows: Rows) {
    this.rows = rows;
    for (const [kind, entries] of Object.entries(rows) as [Kind, readonly string[]][]) {
      for (const entry of entries) {
        if (entry.endsWith("*")) this.#beginnings.push([entry.slice(0, -1), ranks[kind]]);
        else this.#exact.set(entry, ranks[kind]);
      }
    }
  }

  /** 0 for what is not in the table. An exact entry goes before a beginning. */
  find(key: string): Rank {
    return this.#exact.get(key) ?? this.#beginnings.find(([beginning]) => key.startsWith(beginning))?.[1] ?? 0;
  }
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function lines(text: string): readonly string[] {
  return text.trim().split(/\s*\n\s*/);
}

export const statuses: Lookup = /* @__PURE__ */ new Lookup({
  ignore: words("499"),
  transient: words("425 5*"),
  congested: words("408 504 522 524"),
  overload: words("429 503 507 509 529"),
  fatal: words("4* 501 505 506 508 510 511 526"),
});

/** `error.code`, after `connect:` where the system call that failed is that one and it matters. */
export const codes: Lookup = /* @__PURE__ */ new Lookup({
  ignore: words("ABORT_ERR ERR_CANCELED SNOWSHED_CANCELED UND_ERR_ABORTED"),
  transient: words(`
    ECONNREFUSED ECONNABORTED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETRESET ENETUNREACH ENOTCONN ESHUTDOWN
    EAI_AGAIN ESERVFAIL EBUSY EINTR EIO ETXTBSY connect:EAFNOSUPPORT connect:ENOENT
    ERR_HTTP2_GOAWAY_SESSION ERR_HTTP2_INVALID_SESSION ERR_HTTP2_STREAM_CANCEL ERR_HTTP2_STREAM_ERROR
    ERR_NETWORK ERR_SOCKET_CLOSED ERR_STREAM_PREMATURE_CLOSE
    CONNECTION_CLOSED CONNECTION_DESTROYED CONNECTION_ENDED PROTOCOL_CONNECTION_LOST
    ER_LOCK_DEADLOCK ER_LOCK_WAIT_TIMEOUT ER_OPTION_PREVENTS_STATEMENT ER_QUERY_INTERRUPTED ER_READ_ONLY_MODE
    ER_SERVER_SHUTDOWN P1001 P1017 P2034
    SNOWSHED_BACKEND_UNAVAILABLE SNOWSHED_LEASE_LOST SNOWSHED_REPLICATION_FAILED SNOWSHED_TRANSIENT`),
  congested: words(`
    ECONNRESET EPIPE ESOCKETTIMEDOUT ETIMEDOUT ETIMEOUT CONNECT_TIMEOUT connect:EADDRINUSE connect:EADDRNOTAVAIL
    ERR_HTTP_REQUEST_TIMEOUT ERR_SOCKET_CONNECTION_TIMEOUT ERR_TLS_HANDSHAKE_TIMEOUT
    UND_ERR_BODY_TIMEOUT UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_SOCKET
    ER_QUERY_TIMEOUT P1002 P1008 SNOWSHED_DEADLINE_EXCEEDED`),
  overload: words(`
    EMFILE ENFILE EAGAIN ENOBUFS ENOMEM ENOSPC EDQUOT EAI_MEMORY
    ER_CON_COUNT_ERROR ER_OUT_OF_RESOURCES ER_TOO_MANY_USER_CONNECTIONS ER_USER_LIMIT_REACHED
    POOL_ENQUEUELIMIT POOL_NOCONNLIMIT P2024 P2037 SNOWSHED_CIRCUIT_OPEN SNOWSHED_LIMIT_EXCEEDED`),
  fatal: words(`
    ENOTFOUND ENODATA EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EBADF EEXIST EINVAL EISDIR ELOOP EMSGSIZE
    ENAMETOOLONG ENOENT ENOEXEC ENOSYS ENOTDIR ENOTEMPTY ENOTSUP EPERM EPROTO EPROTONOSUPPORT EROFS EXDEV E2BIG
    ERR_ASSERTION ERR_HTTP_HEADERS_SENT ERR_HTTP_INVALID_* ERR_INVALID_* ERR_METHOD_NOT_IMPLEMENTED ERR_MISSING_*
    ERR_MODULE_NOT_FOUND ERR_OUT_OF_RANGE ERR_UNESCAPED_* ERR_UNKNOWN_* ERR_UNSUPPORTED_* MODULE_NOT_FOUND
    ERR_SSL_* ERR_TLS_* CERT_* CRL_* DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN HOSTNAME_MISMATCH
    INVALID_CA INVALID_PURPOSE PATH_LENGTH_EXCEEDED UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
    UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT*
    UNABLE_TO_VERIFY_LEAF_SIGNATURE
    UND_ERR_CLOSED UND_ERR_DESTROYED UND_ERR_HEADERS_OVERFLOW UND_ERR_INVALID_* UND_ERR_NOT_SUPPORTED
    UND_ERR_REQ_CONTENT_LENGTH_MISMATCH UND_ERR_RES_EXCEEDED_MAX_SIZE
    POOL_CLOSED P1000 P1003 P1010 P20*
    SNOWSHED_CHANNEL_CLOSED SNOWSHED_CLASSIFIER_FAILED SNOWSHED_EVENT_EXPIRED SNOWSHED_FATAL SNOWSHED_GROUP_CLOSED SNOWSHED_INVALID_ARGUMENT
    SNOWSHED_LEAK_FOUND SNOWSHED_LISTEN_FAILED SNOWSHED_NEGATIVE_COUNTER SNOWSHED_NEVER_FITS SNOWSHED_NO_IDENTITY SNOWSHED_NO_OWNER
    SNOWSHED_OVER_RELEASE SNOWSHED_POOL_CLOSED SNOWSHED_TASK_NOT_FULFILLED`),
});

/** `error.message`, of clients that say it nowhere else. */
export const messages: Lookup = /* @__PURE__ */ new Lookup({
  ignore: lines("canceling statement due to user request"),
  transient: lines(`
    Cluster is ended.
    Command aborted due to connection close`),
  congested: lines(`
    Command timed out
    Connection terminated due to connection timeout
    Connection timeout
    Query read timeout
    timeout expired`),
  overload: lines(`
    No connections available.
    Queue limit reached.
    ResourceRequest timed out
    max waitingClients count exceeded
    operation timed out for an unknown reason
    timeout exceeded when trying to connect`),
  fatal: lines(`
    8 RESOURCE_EXHAUSTED: Attempted to send message with a size larger than*
    8 RESOURCE_EXHAUSTED: Received message larger than*
    8 RESOURCE_EXHAUSTED: Received message that decompresses to a size larger than*
    8 RESOURCE_EXHAUSTED: Sent message larger than*
    Cannot use a pool after calling end on the pool
    Pool is closed.
    bad port
    pool is draining and cannot accept work
    redirect count exceeded
    unexpected redirect
    unknown scheme`),
});

/** `error.message` of a `TypeError` that stands for a failure of the network: its cause tells more, if it has one. */
export const fetchFailures: Lookup = /* @__PURE__ */ new Lookup({
  transient: lines(`
    fetch failed
    terminated
    Failed to fetch
    NetworkError when attempting to fetch resource.
    Load failed
    The network connection was lost.
    The Internet connection appears to be offline.
    Network request failed
    network error
    Network connection lost.
    error sending request for url*`),
});

/** `error.name`. */
export const names: Lookup = /* @__PURE__ */ new Lookup({
  ignore: words("AbortError"),
  transient: words("MongoNetworkError MongoPoolClearedError MongoServerSelectionError NetworkError"),
  congested: words("TimeoutError MongoNetworkTimeoutError RequestTimeout RequestTimeoutException"),
  overload: words(`
    BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete
    ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown
    ThrottledException Throttling ThrottlingException TooManyRequestsException TransactionInProgressException
    KnexTimeoutError MongoWaitQueueTimeoutError SequelizeConnectionAcquireTimeoutError`),
  fatal: words(`
    AssertionError DataCloneError EvalError NotSupportedError RangeError ReferenceError SecurityError SyntaxError
    TypeError URIError`),
});

/** SQLSTATE: an `error.code` of five characters, or `error.sqlState`. */
export const sqlStates: Lookup = /* @__PURE__ */ new Lookup({
  transient: words("08* 25006 25P03 40* 55006 55P03 57* 58* XX000"),
  congested: words("57014"),
  overload: words("53* 57P03"),
  fatal: words(`
    0A* 21* 22* 23* 24* 25* 26* 27* 28* 2B* 2D* 2F* 34* 38* 39* 3B* 3D* 3F* 40002 42* 44* 54* 55* 57P04 58P01 P0* XX*`),
});

/** `error.code`, a number, of an error with `metadata` or `details`. */
export const grpcCodes: Lookup = /* @__PURE__ */ new Lookup({
  ignore: words("1"),
  transient: words("2 10 13 14"),
  congested: words("4"),
  overload: words("8"),
  fatal: words("3 5 6 7 9 11 12 15 16"),
});

/** What Redis or Valkey replied. */
export const redisReplies: Lookup = /* @__PURE__ */ new Lookup({
  transient: words(`
    ASK* CLUSTERDOWN* FAILOVER* INPROG* IOERR* MASTERDOWN* MISCONF* MOVED* NOREPLICAS* READONLY* UNBLOCKED*`),
  overload: lines(`
    BUSY Redis*
    BUSY Valkey*
    ERR max number of clients reached*
    LOADING*
    OOM*
    TRYAGAIN*
    UNKILLABLE*`),
  fatal: words("*"),
});
