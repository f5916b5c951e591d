import { ours } from "../ours.mjs";

const fanOut = 10;

/** `derive(parent)` for `size` nodes: all below one parent, or ten below each. Gives what `make(derive)` made. */
const shapes = {
  flat(root, size, derive) {
    for (let index = 0; index < size; index++) derive(root);
  },
  tree(root, size, derive) {
    const nodes = [root];
    for (let index = 0; index < size; index++) nodes.push(derive(nodes[Math.floor(index / fanOut)]));
  },
};

const grow = (shape, start) => async () => {
  const { root, derive, cancel, isCanceled } = await start();
  return async (size, lap) => {
    const top = root();
    let last;
    shapes[shape](top, size, (parent) => (last = derive(parent)));
    lap("create");
    cancel(top);
    lap("cancel");
    if (!isCanceled(last)) throw new Error("the last node was not canceled");
  };
};

async function snowshed() {
  const { Context } = await ours("Context");
  return {
    root: () => Context.background.withCancel(),
    derive: (parent) => parent.withCancel(),
    cancel: (context) => context.cancel(),
    isCanceled: (context) => context.aborted,
  };
}

async function controllers() {
  const { setMaxListeners } = await import("node:events");
  return {
    root() {
      const controller = new AbortController();
      setMaxListeners(0, controller.signal);
      return controller;
    },
    derive(parent) {
      const child = new AbortController();
      parent.signal.addEventListener("abort", () => child.abort(parent.signal.reason), { once: true });
      return child;
    },
    cancel: (controller) => controller.abort(),
    isCanceled: (controller) => controller.signal.aborted,
  };
}

async function any() {
  return {
    root: () => ({
      controller: new AbortController(),
      get signal() {
        return this.controller.signal;
      },
    }),
    derive: (parent) => ({ signal: AbortSignal.any([parent.signal]) }),
    cancel: (root) => root.controller.abort(),
    isCanceled: (node) => node.signal.aborted,
  };
}

export const row = {
  name: "context-tree",
  title: "a tree of 10k contexts canceled",
  kind: "phases",
  unit: "ms",
  sizes: [10_000],
  what: `Make 10,000 nodes linked to their parents ("create"), cancel the root ("cancel"). "flat": all of them below the root;
"tree": ten below each. The native way is an AbortController a node with a listener on its parent's signal; adding a
listener to a native signal walks over those it has, so that "flat" is quadratic there.`,
  contenders: Object.keys(shapes).flatMap((shape) => [
    { id: `snowshed, ${shape}`, role: "ours", setup: grow(shape, snowshed) },
    { id: `AbortController, ${shape}`, role: "peer", setup: grow(shape, controllers) },
    { id: `AbortSignal.any, ${shape}`, role: "variant", setup: grow(shape, any) },
  ]),
  targets: Object.keys(shapes).map((shape) => ({
    text: `≥ 40× AbortController linking (${shape})`,
    ours: `snowshed, ${shape}`,
    marks: [`AbortController, ${shape}`],
    size: 10_000,
    times: 40,
  })),
};
