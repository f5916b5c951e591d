import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Context, errorRate, Group, Limiter, Semaphore, timeout, WaitGroup } from "snowshed";
import { nodeHandler, requestContext, undiciInterceptor } from "snowshed/http";
import { Agent, request } from "undici";
import { queriesPerOrder } from "./timeline.ts";

/** One way to arrange the same three tiers. The first six are what the article chooses from. */
export interface Protection {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The service in the middle; `limit` is what its protection allows at once. */
  readonly service: (database: string) => { readonly listener: RequestListener; readonly limit?: () => number };
  /** What stands before it. */
  readonly gateway: (service: string) => RequestListener;
}

type Query = (signal?: AbortSignal) => Promise<void>;

const attempts = 3;
const attemptTimeout = 300;
const queryTimeout = 1000;

function clientOf(url: string): Query {
  const dispatcher = new Agent({ connections: null, pipelining: 1, keepAliveTimeout: 60_000 });
  return async (signal) => {
    const { statusCode, body } = await request(url, { dispatcher, ...(signal === undefined ? {} : { signal }) });
    await body.dump();
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  };
}

/** Answers 200 when `work` ends well, else 503. */
function answering(work: (request: IncomingMessage) => Promise<unknown>): RequestListener {
  return (incoming, response) => {
    work(incoming).then(
      () => end(response, 200),
      () => end(response, 503),
    );
  };
}

function end(response: ServerResponse, status: number): void {
  if (response.headersSent) return;
  response.writeHead(status);
  response.end();
}

/** Three attempts of 300 ms with full jitter between them, as everybody writes it: each gateway by itself is reasonable. */
function stubbornGateway(service: string): RequestListener {
  const call = clientOf(service);
  return answering(async () => {
    for (let attempt = 1; ; attempt++) {
      const timer = new AbortController();
      const cancel = setTimeout(() => timer.abort(), attemptTimeout);
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await call(timer.signal);
      } catch (error) {
        if (attempt === attempts) throw error;
        // oxlint-disable-next-line no-await-in-loop
        await sleep(Math.random() * 25 * 2 ** attempt);
      } finally {
        clearTimeout(cancel);
      }
    }
  });
}

function queries(run: () => Promise<void>): Promise<void>[] {
  return Array.from({ length: queriesPerOrder }, run);
}

/** A group with a deadline: the first failure cancels the other query. */
async function inGroup(run: (context: Context) => Promise<void>): Promise<void> {
  const deadline = Context.background.withTimeout(queryTimeout);
  try {
    const group = new Group({ signal: deadline });
    for (let index = 0; index < queriesPerOrder; index++) group.go(run);
    await group.wait();
  } finally {
    deadline.cancel();
  }
}

const protections: readonly Protection[] = [
  {
    name: "none",
    title: "nothing",
    description: "both queries at once, as many orders as come",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      return { listener: answering(() => Promise.all(queries(query))) };
    },
  },
  {
    name: "wait-group",
    title: "WaitGroup",
    description: "waits for both queries, whatever becomes of them",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      return {
        listener: answering(async () => {
          const tasks = new WaitGroup();
          for (let index = 0; index < queriesPerOrder; index++) tasks.go(() => query());
          await tasks.wait();
        }),
      };
    },
  },
  {
    name: "group",
    title: "error group",
    description: "a deadline of 1 s, and the first failure cancels the other query",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      return { listener: answering(() => inGroup((context) => query(context.signal))) };
    },
  },
  {
    name: "semaphore",
    title: "semaphore",
    description: "at most 20 queries at a time, the rest waits",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      const permits = new Semaphore(20);
      return {
        limit: () => permits.permits,
        listener: answering(() => Promise.all(queries(() => permits.run(() => query())))),
      };
    },
  },
  {
    name: "error-rate",
    title: "error-rate breaker",
    description: "100·(1 − error rate) queries at a time, 2 to 100, over 10 s: the article's formula",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      const limiter = new Limiter({ algorithm: errorRate() });
      return {
        limit: () => limiter.limit,
        listener: answering(() =>
          Promise.all(queries(() => limiter.run(() => timeout(({ signal }) => query(signal), queryTimeout)))),
        ),
      };
    },
  },
  {
    name: "all",
    title: "all of these",
    description: "error group, semaphore and error-rate breaker together",
    gateway: stubbornGateway,
    service(database) {
      const query = clientOf(database);
      const permits = new Semaphore(20);
      const limiter = new Limiter({ algorithm: errorRate() });
      return {
        limit: () => limiter.limit,
        listener: answering(() =>
          inGroup((signal) =>
            limiter.run((context) => permits.run(() => query(context.signal), { signal: context }), { signal }),
          ),
        ),
      };
    },
  },
  {
    name: "snowshed",
    title: "snowshed's defaults",
    description: "admission in the service, retries from a budget in the gateway, deadlines that travel",
    gateway(service) {
      const agent = new Agent({ connections: null, pipelining: 1, keepAliveTimeout: 60_000 });
      const dispatcher = agent.compose(undiciInterceptor());
      return nodeHandler(async (incoming, response) => {
        try {
          const { signal } = requestContext(incoming).withTimeout("1s");
          const { statusCode, body } = await request(service, { dispatcher, signal });
          await body.dump();
          end(response, statusCode);
        } catch {
          end(response, 503);
        }
      });
    },
    service(database) {
      const query = clientOf(database);
      const limiter = new Limiter({ maxQueue: 100 });
      return {
        limit: () => limiter.limit,
        listener: nodeHandler(
          async (incoming, response) => {
            const group = new Group({ signal: requestContext(incoming) });
            try {
              for (let index = 0; index < queriesPerOrder; index++) group.go(({ signal }) => query(signal));
              await group.wait();
              end(response, 200);
            } catch {
              end(response, 503);
            }
          },
          { limiter },
        ),
      };
    },
  },
];

export function protectionNamed(name: string): Protection {
  const protection = protections.find((each) => each.name === name);
  if (protection === undefined) throw new Error(`there is no protection "${name}"`);
  return protection;
}
