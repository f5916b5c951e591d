// snowshed as it was built. `SNOWSHED_DIST` names another build: run.mjs copies the one it finds, so that a rebuild
// in the middle of a run changes nothing.

/** Thrown by a contender whose subject does not exist here: the report says so and goes on. */
export class NotAvailable extends Error {}

/** The folder of that build. */
export const home = process.env.SNOWSHED_DIST ?? new URL("../packages/snowshed/dist/", import.meta.url).href;

/** The exports of snowshed, once it is known that all of `names` are among them. */
export function ours(...names) {
  return oursOf(".", ...names);
}

/** The same of a sub-path: `"throttle"` is `snowshed/throttle`. */
export async function oursOf(subPath, ...names) {
  const library = await import(new URL(`${subPath}/index.js`, home).href).catch((error) => {
    throw new NotAvailable(`snowshed is not built: ${error.message}`);
  });
  const missing = names.filter((name) => library[name] === undefined);
  if (missing.length > 0) throw new NotAvailable(`snowshed does not export ${missing.join(", ")}`);
  return library;
}
