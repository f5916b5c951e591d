import type { Document, Scalar } from "yaml";
import { isMap, isScalar, isSeq } from "yaml";

/**
 * The keys of a document that its mapping has already, in their order. `1` and `"1"` are one key, as they are to JavaScript.
 * Give the parser `uniqueKeys: false`: it compares each key with every other, which takes half a minute for a mapping of
 * 60,000.
 */
export function duplicateKeys(document: Document): readonly Scalar[] {
  const found: Scalar[] = [];
  collect(document.contents, found);
  return found;
}

function collect(node: unknown, found: Scalar[]): void {
  if (isMap(node)) {
    const names = new Set<string>();
    for (const { key, value } of node.items) {
      if (isScalar(key)) {
        const name = String(key.value);
        if (names.has(name)) found.push(key);
        names.add(name);
      } else collect(key, found);
      if (!isScalar(value)) collect(value, found);
    }
  } else if (isSeq(node)) {
    for (const item of node.items) if (!isScalar(item)) collect(item, found);
  }
}
