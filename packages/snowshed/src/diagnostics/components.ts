/**
 * The strongly connected components of a graph, each after those it leads to: Tarjan's algorithm (SIAM J. Comput. 1,
 * 1972), without recursion, since a chain of waits may be longer than the call stack. `edges[node]` is where a node leads.
 *
 * @internal
 */
export function components(edges: readonly (readonly number[])[]): number[][] {
  const found: number[][] = [];
  /** When each was reached, from 1; the earliest on the stack that it leads back to; which of its edges is next. */
  const order = new Uint32Array(edges.length);
  const lowest = new Uint32Array(edges.length);
  const next = new Uint32Array(edges.length);
  const onStack = new Uint8Array(edges.length);
  const stack: number[] = [];
  const path: number[] = [];
  let reached = 0;
  const enter = (node: number): void => {
    order[node] = lowest[node] = ++reached;
    onStack[node] = 1;
    stack.push(node);
    path.push(node);
  };
  for (let start = 0; start < edges.length; start++) {
    if (order[start] === 0) enter(start);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const target = edges[node]![next[node]!++];
      if (target !== undefined) {
        if (order[target] === 0) enter(target);
        else if (onStack[target] === 1) lowest[node] = Math.min(lowest[node]!, order[target]!);
        continue;
      }
      path.pop();
      const from = path.at(-1);
      if (from !== undefined) lowest[from] = Math.min(lowest[from]!, lowest[node]!);
      if (lowest[node] !== order[node]) continue;
      const component = stack.splice(stack.lastIndexOf(node));
      for (const member of component) onStack[member] = 0;
      found.push(component);
    }
  }
  return found;
}
