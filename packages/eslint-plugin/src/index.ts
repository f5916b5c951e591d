/** What the plugin is called in the configuration and the cache of a linter. */
export const meta = { name: "eslint-plugin-snowshed", version: "0.1.0" } as const;
