/** `workloads.lock.store`, `exceptions[0].until`. */
export function nameOf(path: readonly (string | number)[]): string {
  if (path.length === 0) return "the file";
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");
}
