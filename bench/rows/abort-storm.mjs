// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { effect } from "../peers.mjs";

// Waiters 0, 2, 4, … give up, the others get their turn. `subjects` makes what each of them hands over as `signal`.

/** Each waiter has a signal of its own. */
const own = (make, cancel) => (waiters) => {
  const subjects = [];
  return {
    of: () => {
      const subject = make();
      subjects.push(subject);
      return subject;
    },
    abort: () => {
      for (let index = 0; index < waiters; index += 2) cancel(subjects[index]);
    },
  };
};

/** Half of the waiters share the signal that aborts, the other half one that does not. */
const shared = (make, cancel) => () => {
  const aborting = make();
  const staying = make();
  return { of: (index) => (index % 2 === 0 ? aborting : staying), abort: () => cancel(aborting) };
};

/** `start()` gives `{ wait(subject): Promise, open(): void }` with all permits taken. */
const storm = (start, subjects) => async (waiters, lap) => {
  const { wait, open } = await start();
  let ended = 0;
  let canceled = 0;
  let wake;
  const reached = (count) => new Promise((resolve) => (wake = { count, resolve }));
  const one = () => {
    ended++;
    if (wake !== undefined && ended === wake.count) wake.resolve();
  };
  const failed = () => {
    canceled++;
    one();
  };
  const { of, abort } = subjects(waiters);
  for (let index = 0; index < waiters; index++) wait(of(index), one, failed);
  await null;
  lap("submit");
  const half = reached(waiters / 2);
  abort();
  await half;
  if (canceled !== waiters / 2) throw new Error(`${canceled} of ${waiters / 2} aborted waiters were told`);
  lap("abort");
  const all = reached(waiters);
  open();
  await all;
  lap("drain");
};

const permits = 10;
const newController = () => new AbortController();
const abortController = (controller) => controller.abort();

async function snowshed(subjects, signalOf) {
  const { Semaphore } = await ours("Semaphore");
  return storm(async () => {
    const semaphore = new Semaphore(permits);
    for (let index = 0; index < permits; index++) await semaphore.acquire();
    return {
      wait(subject, ended, failed) {
        const granted = () => {
          ended();
          semaphore.release();
        };
        semaphore.acquire(1, { signal: signalOf(subject) }).then(granted, failed);
      },
      open() {
        for (let index = 0; index < permits; index++) semaphore.release();
      },
    };
  }, subjects);
}

async function withContexts(kind) {
  const { Context } = await ours("Context", "Semaphore");
  const request = Context.background.withCancel();
  return snowshed(
    kind(
      () => request.withCancel(),
      (context) => context.cancel(),
    ),
    (context) => context,
  );
}

const withSignals = (kind) => snowshed(kind(newController, abortController), (controller) => controller.signal);

async function pQueue(subjects) {
  const { default: PQueue } = await import("p-queue");
  return storm(async () => {
    const queue = new PQueue({ concurrency: permits });
    let open;
    const gate = new Promise((resolve) => (open = resolve));
    for (let index = 0; index < permits; index++) void queue.add(() => gate);
    const task = async () => {};
    return {
      wait: (controller, ended, failed) => queue.add(task, { signal: controller.signal }).then(ended, failed),
      open,
    };
  }, subjects);
}

async function effectSemaphore(subjects) {
  const { Effect, Semaphore } = await effect();
  return storm(async () => {
    const semaphore = Semaphore.makeUnsafe(permits);
    let open;
    const gate = new Promise((resolve) => (open = resolve));
    const holding = semaphore.withPermit(Effect.promise(() => gate));
    for (let index = 0; index < permits; index++) void Effect.runPromise(holding);
    const task = semaphore.withPermit(Effect.promise(async () => {}));
    return {
      wait: (controller, ended, failed) => Effect.runPromise(task, { signal: controller.signal }).then(ended, failed),
      open,
    };
  }, subjects);
}

/** What N waiters of which half give up come to at the least: N promises, half of them rejected, half resolved. */
function bare(subjects, listen) {
  const error = new Error("aborted");
  return storm(async () => {
    const queue = [];
    return {
      wait(subject, ended, failed) {
        new Promise((resolve, reject) => {
          listen(subject, () => reject(error));
          queue.push(resolve);
        }).then(ended, failed);
      },
      open() {
        for (const resolve of queue) resolve();
      },
    };
  }, subjects);
}

const ownObject = own(
  () => ({ abort: undefined }),
  (subject) => subject.abort(),
);
const growing = [40_000, 80_000, 160_000];
const kinds = [
  ["own", own],
  ["shared", shared],
];

export const row = {
  name: "abort-storm",
  title: "40k waiters, half aborted",
  kind: "phases",
  unit: "ms",
  sizes: [40_000],
  what: `All of 10 permits are held; N waiters queue up, each with a signal ("submit", the making of the signals included); every
other waiter is aborted and has been told so ("abort"); the permits are given back and the rest gets its turn ("drain").
"own": each waiter has a signal of its own. "shared": half of them share the signal that aborts, half another one. snowshed
takes a Context, the peers an AbortSignal; snowshed with native AbortSignals is beside it, its peers are the same.
Linear means: over 40k, 80k and 160k waiters the total grows as N to a power of at most 0.2 more than that of the
floor, an array of N pending promises of which half are rejected. The second floor is the same with an AbortController and
one listener each: what Node itself takes.`,
  contenders: [
    {
      id: "an array of pending promises",
      role: "floor",
      sizes: growing,
      setup: () => bare(ownObject, (subject, abort) => (subject.abort = abort)),
    },
    {
      id: "an array of pending promises, own AbortSignal",
      role: "floor",
      setup: () =>
        bare(own(newController, abortController), ({ signal }, abort) =>
          signal.addEventListener("abort", abort, { once: true }),
        ),
    },
    ...kinds.flatMap(([name, kind]) => [
      { id: `snowshed, ${name} Context`, role: "ours", sizes: growing, setup: () => withContexts(kind) },
      { id: `snowshed, ${name} AbortSignal`, role: "ours", sizes: growing, setup: () => withSignals(kind) },
      {
        id: `p-queue, ${name} AbortSignal`,
        role: "peer",
        rounds: 2,
        setup: () => pQueue(kind(newController, abortController)),
      },
      {
        id: `Effect Semaphore, ${name} AbortSignal`,
        role: "peer",
        rounds: 1,
        setup: () => effectSemaphore(kind(newController, abortController)),
      },
    ]),
  ],
  targets: kinds.flatMap(([name]) => {
    const marks = [`p-queue, ${name} AbortSignal`, `Effect Semaphore, ${name} AbortSignal`];
    return [`snowshed, ${name} Context`, `snowshed, ${name} AbortSignal`].flatMap((id) => [
      { text: `≥ 5× faster than the best peer (${id.slice(10)})`, ours: id, marks, size: 40_000, times: 5 },
      { text: `linear (${id.slice(10)})`, ours: id, growsLike: "an array of pending promises" },
    ]);
  }),
};
