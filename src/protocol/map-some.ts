/** `flatMap` for one of each or none (`null`): the engine's own takes several times as long, and requests are lists. */
export function mapSome<T, R>(list: readonly T[], change: (one: T, index: number) => R | null): R[] {
  const result: R[] = [];
  for (let i = 0; i < list.length; i++) {
    const changed = change(list[i] as T, i);
    if (changed !== null) result.push(changed);
  }
  return result;
}
