// An open-loop load: `node load.mjs <port> <client> <seed> <phases>`. Logical requests begin at times drawn beforehand
// (Poisson, seeded), however the others fare; all times count from then. Sends what it measured to its parent.
import { connect } from "node:net";
import { clients } from "./clients.mjs";

const [port, clientName, seed, phaseText] = process.argv.slice(2);
const phases = JSON.parse(phaseText);
const patience = 1000;

let state = Number(seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

// Bare sockets: the generator must be much cheaper than what it measures.
/** @type {import('node:net').Socket[]} */
const idle = [];

function openSocket() {
  const socket = connect(Number(port), "127.0.0.1");
  socket.setNoDelay(true);
  socket.end_ = null;
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const head = received.indexOf("\r\n\r\n");
    if (head === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    const chunked = /transfer-encoding: chunked/i.test(received);
    if (chunked ? !received.endsWith("0\r\n\r\n") : received.length < head + 4 + length) return;
    const status = Number(received.slice(9, 12));
    const after = /retry-after: (\d+)/i.exec(received)?.[1];
    const closes = /connection: close/i.test(received);
    received = "";
    const done = socket.end_;
    socket.end_ = null;
    if (closes) socket.destroy();
    else idle.push(socket);
    done?.(status, after === undefined ? {} : { "retry-after": after });
  });
  const failed = () => {
    const done = socket.end_;
    socket.end_ = null;
    done?.(0, {});
  };
  socket.on("error", failed);
  socket.on("close", failed);
  return socket;
}

function exchange(from) {
  return new Promise((resolve) => {
    let socket = idle.pop();
    while (socket !== undefined && socket.destroyed) socket = idle.pop();
    socket ??= openSocket();
    const timer = setTimeout(
      () => {
        socket.destroy();
        socket.end_?.(0, {});
        socket.end_ = null;
      },
      Math.max(0, from + patience - performance.now()),
    );
    socket.end_ = (status, headers) => {
      clearTimeout(timer);
      resolve({ status, headers });
    };
    socket.write("GET / HTTP/1.1\r\nHost: bench\r\n\r\n");
  });
}

const client = await clients[clientName]();
// Callers have their connections already: what is measured is a service, not its backlog of new ones.
const first = Array.from({ length: 500 }, openSocket);
await Promise.all(first.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
idle.push(...first);
process.send("connected");
const begin = performance.now() + 200;
/** Of logical requests: when they were due, whether they were answered, how often the server was asked. */
const requests = [];
/** Of attempts: when they were due, their status, how long they took. */
const attempts = [];
const lags = [];
const open = new Set();

async function request(due) {
  const own = {};
  open.add(own);
  let asked = 0;
  const good = await client(async () => {
    // The first attempt is due when its request was, whatever held up the generator or the client.
    const from = asked++ === 0 ? begin + due : performance.now();
    const answer = await exchange(from);
    attempts.push([from - begin, answer.status, performance.now() - from]);
    return answer;
  });
  requests.push([due, good, asked]);
  open.delete(own);
}

const due = [];
let edge = 0;
for (const { seconds, rate, until = rate, callers } of phases) {
  if (callers > 0) break;
  const end = edge + seconds * 1000;
  for (let at = edge; ;) {
    const current = rate + ((until - rate) * (at - edge)) / (end - edge);
    at -= (Math.log(1 - random()) * 1000) / current;
    if (at >= end) break;
    due.push(at);
  }
  edge = end;
}

/** A closed loop: to see what the server can do. */
const [{ callers = 0, seconds: busySeconds }] = phases;
if (callers > 0) {
  const end = busySeconds * 1000;
  const caller = async () => {
    while (performance.now() - begin < end) await request(performance.now() - begin);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

let next = 0;
if (callers === 0)
  await new Promise((resolve) => {
    const tick = () => {
      let now = performance.now() - begin;
      for (; next < due.length && due[next] <= now; next++) {
        lags.push(now - due[next]);
        void request(due[next]);
        now = performance.now() - begin;
      }
      if (next === due.length) return resolve();
      if (due[next] - now > 1.5) setTimeout(tick, 1);
      else setImmediate(tick);
    };
    tick();
  });
const patienceLeft = performance.now() + 5000;
while (open.size > 0 && performance.now() < patienceLeft) await new Promise((resolve) => setTimeout(resolve, 20));
lags.sort((a, b) => a - b);
process.send({ requests, attempts, lag: lags[Math.floor(lags.length * 0.99)] ?? 0 }, () => process.exit());
