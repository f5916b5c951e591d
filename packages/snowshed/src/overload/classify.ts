import { checkFunction } from "../errors.ts";

export { retryAfter } from "./retry-after.ts";

export type Classification = "ok" | "ignore" | "transient" | "overload" | "fatal";
export type Classify = (outcome: unknown) => Classification;

/** Skeleton. */
export function classify(outcome: unknown): Classification {
  return outcome instanceof Error ? "transient" : "ok";
}

/** Skeleton. */
export function classifier(
  rule: (outcome: unknown) => Classification | undefined,
  otherwise: Classify = classify,
): Classify {
  checkFunction(rule, "rule");
  checkFunction(otherwise, "otherwise");
  return (outcome) => rule(outcome) ?? otherwise(outcome);
}

/** Skeleton. */
export function isFatal(error: unknown): boolean {
  return classifyError(classify, error) === "fatal";
}

/** Whether another attempt makes sense: transient or overload. */
export function isRetryable(error: unknown): boolean {
  const classification = classifyError(classify, error);
  return classification === "transient" || classification === "overload";
}

/** @internal */
export function classifyError(rule: Classify, error: unknown): Classification {
  const classification = rule(error);
  return classification === "ok" ? "transient" : classification;
}

/** @internal */
export function classifyValue(rule: Classify, value: unknown): Classification {
  return rule(value);
}

/** @internal */
export function isCongestion(classification: Classification, _outcome: unknown): boolean {
  return classification === "overload";
}
