/** `prod`, `production-eu` and `eu_prod`, but not `pre-production`, `non-prod` or `products`. */
const productionName = /(?<![a-z])(?<!(?:pre|non|not)[-_. ])prod(?:uction)?(?![a-z])/i;

/** Why neither faults nor load are tried in an environment; undefined where they may be. */
export function refusalIn(environment: string | undefined): string | undefined {
  if (environment === undefined || !productionName.test(environment)) return undefined;
  return `the environment is ${environment}: neither faults nor load are tried there`;
}
