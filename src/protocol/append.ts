/** Appends without a limit: `push(...more)` overflows the stack from some 120,000 entries on, and clients send them. */
export function append<T>(list: T[], more: Iterable<T>): void {
  for (const one of more) list.push(one);
}
