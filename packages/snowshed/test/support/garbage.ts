import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/**
 * Whether what `makeWeakRef` points to is collected. It is made inside so that no variable of the test keeps it alive;
 * what the test holds on purpose must be used after the call, or the engine may drop that, too.
 */
export async function collected(
  makeWeakRef: () => WeakRef<object> | PromiseLike<WeakRef<object>>,
  rounds: number = 10,
): Promise<boolean> {
  const reference = await makeWeakRef();
  for (let round = 0; round < rounds; round++) {
    // A WeakRef that was made or read keeps its target until the end of the job: a macrotask ends it.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    if (reference.deref() === undefined) return true;
  }
  return false;
}
