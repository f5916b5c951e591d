/** How much a client wants something: from 0, not at all, to 1. */
type Weight = number;

/**
 * Whether a client wants OpenMetrics 1.0.0 at least as much as plain text: by the header `Accept` of its request, with the
 * weights in it. One that does not name OpenMetrics gets plain text, whatever else it says.
 *
 * @internal
 */
export function acceptsOpenMetrics(accept: unknown): boolean {
  if (typeof accept !== "string") return false;
  let open: Weight = 0;
  let plain: Weight = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameter(parameters, "q"));
    const version = parameter(parameters, "version");
    if (type === "application/openmetrics-text") {
      if (version === undefined || version === "1.0.0") open = Math.max(open, weight);
    } else if (type === "text/plain") plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}

function parameter(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((each) => each.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replaceAll('"', "");
}

function weightOf(text: string | undefined): Weight {
  if (text === undefined) return 1;
  const weight = Number(text);
  return weight >= 0 && weight <= 1 ? weight : 0;
}
