import { ours } from "../ours.mjs";

/** A native controller that aborts with `parent`, and how to let go of the parent again. */
function linkedController(parent) {
  const child = new AbortController();
  const onAbort = () => child.abort(parent.reason);
  parent.addEventListener("abort", onAbort, { once: true });
  return { child, unlink: () => parent.removeEventListener("abort", onAbort) };
}

const native = (operation) => () => {
  const parent = new AbortController();
  return (operations) => {
    for (let index = 0; index < operations; index++) operation(parent.signal);
  };
};

const snowshed = (operation) => async () => {
  const { Context } = await ours("Context");
  const parent = Context.background.withCancel();
  return (operations) => {
    for (let index = 0; index < operations; index++) operation(parent);
  };
};

/** Also a line of the comparison with Go. */
export const snowshedCreateCancel = snowshed((parent) => parent.withCancel().cancel());

export const row = {
  name: "context",
  title: "Context: create + link + cancel",
  unit: "ns/op",
  operations: 200_000,
  memory: true,
  what: `Under one parent that can be canceled and lives on: make a child that is canceled with it, cancel the child. The mark
is the native way: an AbortController, a listener on the parent's signal, \`abort()\`, the listener removed. Beside it:
children that end without having been canceled, one listener on each child, and \`AbortSignal.any\`.`,
  contenders: [
    { id: "snowshed withCancel + cancel", role: "ours", setup: snowshedCreateCancel },
    {
      id: "snowshed withCancel + onAbort + cancel",
      role: "variant",
      setup: snowshed((parent) => {
        const child = parent.withCancel();
        child.onAbort(() => {});
        child.cancel();
      }),
    },
    {
      id: "snowshed withCancel + signal + cancel",
      role: "variant",
      operations: 50_000,
      setup: snowshed((parent) => {
        const child = parent.withCancel();
        void child.signal;
        child.cancel();
      }),
    },
    {
      id: "AbortController: link + abort + unlink",
      role: "peer",
      setup: native((parent) => {
        const { child, unlink } = linkedController(parent);
        child.abort();
        unlink();
      }),
    },
    {
      id: "AbortController: link + unlink",
      role: "variant",
      setup: native((parent) => linkedController(parent).unlink()),
    },
    {
      id: "AbortSignal.any([parent, child]) + abort",
      role: "variant",
      operations: 20_000,
      setup: native((parent) => {
        const child = new AbortController();
        AbortSignal.any([parent, child.signal]);
        child.abort();
      }),
    },
  ],
  targets: [
    {
      text: "≥ 40× AbortController linking",
      ours: "snowshed withCancel + cancel",
      marks: ["AbortController: link + abort + unlink"],
      times: 40,
    },
  ],
};
