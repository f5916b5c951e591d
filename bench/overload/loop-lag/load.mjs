// An open-loop generator: requests go out at times drawn beforehand (Poisson, seeded), whatever the server does, and
// latency counts from those times. `node load.mjs <port> <seed> <phases as JSON>`; prints one line of JSON per phase.
import { once } from "node:events";
import { connect } from "node:net";

const [port, seed, phases] = [Number(process.argv[2]), Number(process.argv[3]), JSON.parse(process.argv[4])];
/** What a client waits before it gives up. */
const patience = 1000;

let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/** Opened before the first request, as a proxy in front would have them: what waits, waits where it can be read. */
const warmConnections = 500;
const mostConnections = 4000;

const idle = [];
let connections = 0;

function open() {
  const socket = connect(port, "127.0.0.1");
  connections++;
  socket.setNoDelay(true);
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const head = received.indexOf("\r\n\r\n");
    if (head === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (received.length < head + 4 + length) return;
    const status = Number(received.slice(9, 12));
    received = "";
    const { call } = socket;
    socket.call = null;
    if (call !== null) {
      call.end(status);
      idle.push(socket);
    }
  });
  const failed = () => socket.call?.end(0);
  socket.on("error", failed);
  socket.on("close", () => {
    connections--;
    failed();
  });
  return socket;
}

function send(scheduled, phase) {
  let socket = idle.pop();
  while (socket !== undefined && socket.destroyed) socket = idle.pop();
  if (socket === undefined && connections >= mostConnections) {
    phase.failed++;
    return phase.onEnd?.();
  }
  socket ??= open();
  phase.open++;
  const timer = setTimeout(
    () => {
      call.end(-1);
      socket.call = null;
      socket.destroy();
    },
    Math.max(0, scheduled + patience - performance.now()),
  );
  const call = {
    isOver: false,
    end(status) {
      if (call.isOver) return;
      call.isOver = true;
      clearTimeout(timer);
      phase.open--;
      phase.onEnd?.();
      if (!phase.isMeasured(scheduled)) return;
      const latency = performance.now() - scheduled;
      if (status === 200) phase.good.push(latency);
      else if (status === 503) phase.shed.push(latency);
      else if (status === -1) phase.late++;
      else phase.failed++;
    },
  };
  socket.call = call;
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

function quantile(values, q) {
  if (values.length === 0) return null;
  return Number(
    values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))].toFixed(2),
  );
}

/** `clients` that each ask again as soon as they are answered: what the server can do at most. */
async function saturate({ clients, seconds }) {
  const began = performance.now();
  let answers = 0;
  const phase = { open: 0, good: [], shed: [], late: 0, failed: 0, isMeasured: (at) => at >= began + 1000 };
  await new Promise((resolve) => {
    // Deferred: the connection is idle again only after the call has ended.
    phase.onEnd = () =>
      ++answers && setImmediate(() => (performance.now() - began < seconds * 1000 ? ask() : resolve()));
    const ask = () => send(performance.now(), phase);
    for (let client = 0; client < clients; client++) ask();
  });
  return { capacity: (phase.good.length + phase.shed.length) / (seconds - 1), answers };
}

async function run({ rate, seconds, settle = 1 }) {
  const began = performance.now();
  const end = began + seconds * 1000;
  const measuredFrom = began + settle * 1000;
  const phase = { open: 0, good: [], shed: [], late: 0, failed: 0, isMeasured: (at) => at >= measuredFrom };
  const lags = [];
  let next = began + (-Math.log(1 - random()) * 1000) / rate;
  await new Promise((resolve) => {
    const tick = () => {
      let now = performance.now();
      while (next <= now) {
        lags.push(now - next);
        // It cannot keep up: whatever it measured from here on would be about itself.
        if (now - next > 1000) return resolve();
        send(next, phase);
        next += (-Math.log(1 - random()) * 1000) / rate;
        now = performance.now();
      }
      if (next > end) return resolve();
      // A timer has a resolution of 1 ms: nearer than that it must be asked.
      if (next - now > 1.5) setTimeout(tick, 1);
      else setImmediate(tick);
    };
    tick();
  });
  while (phase.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const measured = seconds - settle;
  const total = phase.good.length + phase.shed.length + phase.late + phase.failed;
  return {
    rate,
    goodput: phase.good.length / measured,
    goodP50: quantile(phase.good, 0.5),
    goodP99: quantile(phase.good, 0.99),
    shedShare: phase.shed.length / total,
    shedP50: quantile(phase.shed, 0.5),
    shedP99: quantile(phase.shed, 0.99),
    lateShare: phase.late / total,
    failed: phase.failed,
    lagP99: quantile(lags, 0.99),
    connections,
  };
}

for (let count = 0; count < warmConnections; count++) {
  const socket = open();
  await once(socket, "connect");
  idle.push(socket);
}
for (const phase of phases)
  process.stdout.write(`${JSON.stringify(await ("clients" in phase ? saturate : run)(phase))}\n`);
process.exit(0);
