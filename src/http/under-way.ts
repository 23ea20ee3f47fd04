/**
 * What is under way, in no order. Not a `Set`: V8 moves a small one that things come into and leave to a new table every
 * few of them, each old table keeps what was in it and leads to the next, and once a collection of the whole heap has
 * made one of them old, the quick collections find all of them, with every request since, alive
 * (docs/decisions/2026-11-22-hot-path.md).
 */
export interface UnderWay<Item> extends Iterable<Item> {
  readonly size: number;
  /** @returns takes it out again; only the first call counts */
  add(item: Item): () => void;
}

interface Place<Item> {
  readonly item: Item;
  /** Index in the list; -1 once it is out. */
  at: number;
}

export function createUnderWay<Item>(): UnderWay<Item> {
  const places: Place<Item>[] = [];

  const take = (place: Place<Item>): void => {
    if (place.at < 0) return;
    const last = places.pop();
    if (last !== undefined && last !== place) {
      places[place.at] = last;
      last.at = place.at;
    }
    place.at = -1;
  };

  return {
    get size() {
      return places.length;
    },
    add(item) {
      const place = { item, at: places.length };
      places.push(place);
      return () => take(place);
    },
    [Symbol.iterator]: () => places.map(({ item }) => item).values(),
  };
}
